import type { ProviderKind } from '../../providers/define.ts'
import { providerVariables } from '../blocks/providers/providers.ts'
import { unique } from '../file/readers.ts'
import { gatewayVariables } from './env.ts'

/** Names of all variables that have an effect; numbered keys by their common name. */
export function knownVariables(kinds: readonly ProviderKind[]): readonly string[] {
  const ofProviders = kinds.flatMap((kind) => {
    const { keys, baseUrl, defaultModel, options } = providerVariables(kind)
    return [...keys, ...baseUrl, ...defaultModel, ...Object.values(options).flat()]
  })
  const ofGateway = Object.values(gatewayVariables).flatMap(({ names }) => names)
  return unique([...ofGateway, ...ofProviders])
}
