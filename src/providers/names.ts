import type { AnyRequest } from '../domain/calls/call.ts'
import type { ProviderKind, ProviderSettings } from './define.ts'

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

/** What a request's `provider_options` say for a provider, by its own name or else by one of its kind. */
export function optionsFor({ name, kind }: ProviderSettings, { providerOptions }: Pick<AnyRequest, 'providerOptions'>) {
  const named = [name, ...namesOf(kind)].find((each) => Object.hasOwn(providerOptions, each))
  return (named !== undefined && providerOptions[named]) || {}
}
