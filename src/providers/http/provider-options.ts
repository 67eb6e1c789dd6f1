import type { AnyRequest } from '../../domain/calls/call.ts'
import type { ProviderSettings } from '../define.ts'
import { namesOf } from '../names.ts'

/** What a request's `provider_options` say for a provider, by its own name or else by one of its kind. */
export function optionsFor({ name, kind }: ProviderSettings, { providerOptions }: Pick<AnyRequest, 'providerOptions'>) {
  const named = [name, ...namesOf(kind)].find((each) => Object.hasOwn(providerOptions, each))
  return (named !== undefined && providerOptions[named]) || {}
}
