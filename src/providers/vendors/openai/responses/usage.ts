import type { Usage } from '../../../../domain/types.ts'
import { usageFrom } from '../../../prices/usage.ts'
import { fieldsOf, isObject, type JsonFields, listOf } from '../../json.ts'
import { withReasoning } from '../usage.ts'

/**
 * The usage of a response; undefined where none is reported.
 * https://platform.openai.com/docs/api-reference/responses/object#responses/object-usage
 */
export function readUsage(response: JsonFields): Usage | undefined {
  if (!isObject(response['usage'])) return undefined
  const { input_tokens: input, output_tokens: output, total_tokens: total, ...details } = fieldsOf(response['usage'])
  const prompt = fieldsOf(details['input_tokens_details'])
  const generated = fieldsOf(details['output_tokens_details'])
  const { cached_tokens: cachedInput, cache_write_tokens: cacheWrite } = prompt
  const { reasoning_tokens: reasoning } = generated
  return usageFrom({
    input,
    output: withReasoning(output, reasoning, input, total),
    cachedInput,
    cacheWrite,
    reasoning,
    total,
    inputAudio: prompt['audio_tokens'],
    inputImage: prompt['image_tokens'],
    outputAudio: generated['audio_tokens'],
    outputImage: generated['image_tokens'],
    webSearches: listOf(response['output']).filter(isSearch).length,
    serviceTier: response['service_tier'],
  })
}

/** The vendor charges for searches, not for opening a page or searching in it. */
function isSearch(item: unknown): boolean {
  const { type, action } = fieldsOf(item)
  return type === 'web_search_call' && (fieldsOf(action)['type'] ?? 'search') === 'search'
}
