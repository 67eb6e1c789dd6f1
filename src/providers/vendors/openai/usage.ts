import { FinishReason, type Usage } from '../../../domain/types.ts'
import { usageFrom } from '../../prices/usage.ts'
import { countOf, fieldsOf } from '../json.ts'

/**
 * The tokens of an answer; undefined where none are reported.
 * https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
 */
export function readUsage(reported: unknown): Usage | undefined {
  const usage = fieldsOf(reported)
  const prompt = fieldsOf(usage['prompt_tokens_details'])
  const { reasoning_tokens: reasoning } = fieldsOf(usage['completion_tokens_details'])
  return usageFrom({
    input: usage['prompt_tokens'],
    output: withReasoning(usage['completion_tokens'], reasoning, usage['prompt_tokens'], usage['total_tokens']),
    // DeepSeek and Mistral have told it in fields of their own.
    cachedInput: prompt['cached_tokens'] ?? usage['prompt_cache_hit_tokens'] ?? usage['num_cached_tokens'],
    cacheWrite: prompt['cache_write_tokens'],
    reasoning,
    total: usage['total_tokens'],
  })
}

/** Of embeddings. A count of generated tokens, where there is one, means nothing. */
export function readEmbedUsage(reported: unknown): Usage | undefined {
  const usage = fieldsOf(reported)
  return usageFrom({ input: usage['prompt_tokens'], total: usage['total_tokens'] })
}

/** xAI leaves reasoning out of `completion_tokens`; its total gives it away. https://docs.x.ai/docs/guides/reasoning */
function withReasoning(completion: unknown, reasoning: unknown, input: unknown, total: unknown): unknown {
  const [spoken, thought, asked, sum] = [completion, reasoning, input, total].map(countOf)
  if (spoken === undefined || thought === undefined || asked === undefined) return completion
  return sum === asked + spoken + thought ? spoken + thought : completion
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  eos: FinishReason.STOP,
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  length: FinishReason.LENGTH,
  max_tokens: FinishReason.LENGTH,
  model_length: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALLS,
  tool_use: FinishReason.TOOL_CALLS,
  function_call: FinishReason.TOOL_CALLS,
  content_filter: FinishReason.CONTENT_FILTER,
  sensitive: FinishReason.CONTENT_FILTER,
  error: FinishReason.ERROR,
  network_error: FinishReason.ERROR,
  insufficient_system_resource: FinishReason.ERROR,
}

/** What a vendor's word for the end means. */
export function finishReasonOf(raw: string): FinishReason {
  return (Object.hasOwn(finishReasons, raw) ? finishReasons[raw] : undefined) ?? FinishReason.OTHER
}
