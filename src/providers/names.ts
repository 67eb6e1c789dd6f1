import type { ProviderKind } from './define.ts'

/** All names of a kind, its own first. */
export function namesOf({ kind, alsoKnownAs = [] }: ProviderKind): readonly string[] {
  return [kind, ...alsoKnownAs]
}

/** Whether a kind goes by this name. */
export function goesBy(kind: ProviderKind, name: string): boolean {
  return namesOf(kind).includes(name)
}

/** What a provider may be called beside its own name: all names of its kind, where its own is one of them. */
export function otherNames(name: string, kind: ProviderKind): readonly string[] {
  return goesBy(kind, name) ? namesOf(kind).filter((other) => other !== name) : []
}
