import type { ProviderKind } from './define.ts'

/** All names of a kind, the main one first. */
export function namesOf({ kind, alsoKnownAs = [] }: ProviderKind): readonly string[] {
  return [kind, ...alsoKnownAs]
}

/** Whether this is one of the kind's names. */
export function hasName(kind: ProviderKind, name: string): boolean {
  return namesOf(kind).includes(name)
}

/** Further names of a provider: the names of its kind, if the provider has one of them itself. */
export function otherNames(name: string, kind: ProviderKind): readonly string[] {
  return hasName(kind, name) ? namesOf(kind).filter((other) => other !== name) : []
}
