import { z } from 'zod'
import type { ProviderKind } from '../../providers/define.ts'
import { samplings } from '../../providers/model-rules.ts'
import { block, field } from './block.ts'
import { flag, integer, modelId, oneOf, text } from './readers.ts'
import { count, limitsBlock, safetyLockBlock, timeoutBlock } from './shared-blocks.ts'

/** Request rules of a provider's models; they override the vendor's table. */
const modelRules = block({
  sampling: field(oneOf(samplings)).optional(),
  token_field: field(oneOf(['max_tokens', 'max_completion_tokens'] as const)).optional(),
  system_role: field(oneOf(['system', 'developer', 'user'] as const)).optional(),
  max_stops: field(integer(0, 1_000)).optional(),
  max_tools: field(integer(0, 10_000)).optional(),
  effort_with_tools: field(flag).optional(),
  batch_inputs: field(integer(1, 1_000_000)).optional(),
  batch_tokens: field(count).optional(),
  api: field(oneOf(['chat', 'responses'] as const)).optional(),
  completions: field(oneOf(['native', 'chat'] as const)).optional(),
})
export type ModelRulesEntry = z.output<typeof modelRules>

/** Keys of every provider; the options of its kind stand beside them. */
export const providerShape = {
  kind: field(text).optional(),
  base_url: field(text).optional(),
  keys: z.array(z.string()).optional(),
  default_model: field(modelId).optional(),
  default_embed_model: field(modelId).optional(),
  headers: z.record(z.string(), field(text)).optional(),
  timeout: timeoutBlock.optional(),
  stream_unary: field(flag).optional(),
  private_urls: field(flag).optional(),
  limits: limitsBlock.optional(),
  max_concurrent: field(integer(1, 1_000_000)).optional(),
  max_queue: field(integer(0, 1_000_000)).optional(),
  safety_lock: safetyLockBlock.optional(),
  models: z.record(z.string(), modelRules).optional(),
}

/** Options of the kind are only named here: they are checked once the environment has filled the gaps. */
export function providerBlock(kind: ProviderKind) {
  const options = Object.fromEntries(Object.keys(kind.options ?? {}).map((key) => [key, z.unknown().optional()]))
  return block({ ...options, ...providerShape })
}

export type ProviderEntry = {
  [Key in keyof typeof providerShape]?: z.output<(typeof providerShape)[Key]> | undefined
}
