import type { Usage } from '../../../domain/types.ts'
import { usageFrom } from '../../prices/usage.ts'
import { countOf, fieldsOf } from '../json.ts'

/**
 * The usage of a response; undefined where none is reported.
 * https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
 */
export function readUsage(reported: unknown, serviceTier?: unknown, isCompletion = false): Usage | undefined {
  const usage = fieldsOf(reported)
  const prompt = fieldsOf(usage['prompt_tokens_details'])
  const completion = fieldsOf(usage['completion_tokens_details'])
  // Perplexity and Moonshot report details beside the other counts.
  const reasoning = completion['reasoning_tokens'] ?? (usage['reasoning_tokens'] || undefined)
  return usageFrom({
    input: usage['prompt_tokens'],
    output: withReasoning(usage['completion_tokens'], reasoning, usage['prompt_tokens'], usage['total_tokens']),
    // The fields of OpenAI, DeepSeek, Mistral and Moonshot. Chats at Together have the last one too, always 0.
    cachedInput:
      prompt['cached_tokens'] ??
      usage['prompt_cache_hit_tokens'] ??
      usage['num_cached_tokens'] ??
      (isCompletion ? usage['cached_tokens'] : usage['cached_tokens'] || undefined),
    cacheWrite: prompt['cache_write_tokens'],
    reasoning,
    total: usage['total_tokens'],
    inputAudio: prompt['audio_tokens'],
    inputImage: prompt['image_tokens'],
    outputAudio: completion['audio_tokens'],
    outputImage: completion['image_tokens'],
    serviceTier,
  })
}

/** The usage of embeddings. A count of generated tokens, where there is one, means nothing. */
export function readEmbedUsage(reported: unknown): Usage | undefined {
  const usage = fieldsOf(reported)
  return usageFrom({ input: usage['prompt_tokens'], total: usage['total_tokens'] })
}

/** Generated tokens, reasoning included. xAI leaves it out of `completion_tokens`, which its total shows. https://docs.x.ai/docs/guides/reasoning */
export function withReasoning(completion: unknown, reasoning: unknown, input: unknown, total: unknown): unknown {
  const [spoken, thought, asked, sum] = [completion, reasoning, input, total].map(countOf)
  if (spoken === undefined || thought === undefined || asked === undefined) return completion
  return sum === asked + spoken + thought ? spoken + thought : completion
}
