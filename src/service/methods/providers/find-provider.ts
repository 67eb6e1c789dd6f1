import { GatewayError } from '../../../domain/errors/error.ts'
import type { Provider } from '../../../domain/ports/provider.ts'
import { providerNamed } from '../../../domain/provider-named.ts'
import { didYouMean } from '../../../domain/text/closest.ts'

/** Number of names in the error message if none is similar. */
const MAX_NAMES = 10

/** Throws PROVIDER_NOT_FOUND, with similar names. */
export function findProvider(providers: readonly Provider[], name: string): Provider {
  const provider = providerNamed(providers, name)
  if (provider) return provider
  const names = providers.map((candidate) => candidate.name)
  const hint = didYouMean(name, names) || ` Configured are: ${names.slice(0, MAX_NAMES).join(', ') || 'none'}.`
  throw new GatewayError('PROVIDER_NOT_FOUND', `No provider has this name.${hint}`)
}
