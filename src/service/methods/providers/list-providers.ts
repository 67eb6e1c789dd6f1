import type { Provider } from '../../../domain/ports/provider.ts'
import type { ListProvidersResponse, ProviderInfo } from '../../../domain/types.ts'

/** Describes the configured providers in priority order. */
export function listProviders(providers: readonly Provider[]): ListProvidersResponse {
  return { $typeName: 'llmgateway.v1.ListProvidersResponse', providers: providers.map(toInfo) }
}

function toInfo(provider: Provider): ProviderInfo {
  return {
    $typeName: 'llmgateway.v1.ProviderInfo',
    name: provider.name,
    kind: provider.kind,
    baseUrl: provider.baseUrl,
    defaultModel: provider.defaultModel ?? '',
    defaultEmbedModel: provider.defaultEmbedModel ?? '',
    keyIds: [...provider.keyIds],
    capabilities: [...provider.capabilities],
  }
}
