import type { Usage } from '../../../../domain/types.ts'
import { usageFrom } from '../../../prices/usage.ts'
import { fieldsOf } from '../../json.ts'
import { withReasoning } from '../usage.ts'

/**
 * The tokens of a response; undefined where none are reported.
 * https://platform.openai.com/docs/api-reference/responses/object#responses/object-usage
 */
export function readUsage(reported: unknown): Usage | undefined {
  const { input_tokens: input, output_tokens: output, total_tokens: total, ...details } = fieldsOf(reported)
  const { cached_tokens: cachedInput, cache_write_tokens: cacheWrite } = fieldsOf(details['input_tokens_details'])
  const { reasoning_tokens: reasoning } = fieldsOf(details['output_tokens_details'])
  return usageFrom({
    input,
    output: withReasoning(output, reasoning, input, total),
    cachedInput,
    cacheWrite,
    reasoning,
    total,
  })
}
