import { z } from 'zod'
import { block, field } from './block.ts'
import { duration, flag, modelId, text } from './readers.ts'
import { cacheEntries } from './shared-blocks.ts'

/** Settings of one provider, as older gateways write them. */
export const oldProviderShape = {
  base_url: field(text).optional(),
  default_model: field(modelId).optional(),
  timeout: field(duration()).optional(),
}
const oldProvider = block(oldProviderShape)
export type OldProviderEntry = z.output<typeof oldProvider>

/** `llm_gateway`, the block of older gateways; providers are named by their kind. */
export function oldBlock(kinds: readonly string[]) {
  const providers = Object.fromEntries(kinds.map((kind) => [kind, oldProvider.optional()]))
  return block({
    ...providers,
    primary_provider: field(text).optional(),
    fallback_providers: z.array(field(text)).optional(),
    cache: block({
      enabled: field(flag).optional(),
      ttl: field(duration()).optional(),
      max_size: field(cacheEntries).optional(),
    }).optional(),
  })
}
