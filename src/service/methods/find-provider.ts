import { GatewayError } from '../../domain/error.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import { providerNamed } from '../../domain/provider-named.ts'
import { didYouMean } from '../../domain/text/closest.ts'

/** That many names are told where none comes near. */
const TOLD = 10

/** Throws PROVIDER_NOT_FOUND, with the names that come near. */
export function findProvider(providers: readonly Provider[], name: string): Provider {
  const provider = providerNamed(providers, name)
  if (provider) return provider
  const names = providers.map((candidate) => candidate.name)
  const hint = didYouMean(name, names) || ` Configured are: ${names.slice(0, TOLD).join(', ') || 'none'}.`
  throw new GatewayError('PROVIDER_NOT_FOUND', `No provider has this name.${hint}`)
}
