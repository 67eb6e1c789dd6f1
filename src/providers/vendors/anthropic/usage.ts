import type { Usage } from '../../../domain/types.ts'
import { usageFrom } from '../../prices/usage.ts'
import { countOf, fieldsOf, type JsonFields } from '../json.ts'

/**
 * Token counts of a response; undefined if none are reported. The vendor counts the prompt in three parts.
 * https://platform.claude.com/docs/en/api/messages/create#response-usage
 */
export function readUsage(usage: JsonFields): Usage | undefined {
  const { cache_read_input_tokens: read, cache_creation_input_tokens: written } = usage
  return usageFrom({
    input: sum(usage['input_tokens'], read, written),
    output: usage['output_tokens'],
    cachedInput: read,
    cacheWrite: written,
    reasoning: fieldsOf(usage['output_tokens_details'])['thinking_tokens'],
    cacheWrite1h: fieldsOf(usage['cache_creation'])['ephemeral_1h_input_tokens'],
    webSearches: fieldsOf(usage['server_tool_use'])['web_search_requests'],
    serviceTier: usage['service_tier'],
  })
}

/** Usage at the beginning of a response, whose output count is a placeholder. */
export function readPromptUsage({ output_tokens: _placeholder, ...prompt }: JsonFields): Usage | undefined {
  const usage = readUsage(prompt)
  return usage && { ...usage, estimated: true }
}

/** Returns the first part that is no count, if there is one: it marks the usage as estimated. */
function sum(...parts: readonly unknown[]): unknown {
  const reported = parts.filter((part) => part !== undefined && part !== null)
  const nonsense = reported.find((part) => countOf(part) === undefined)
  if (nonsense !== undefined || reported.length === 0) return nonsense
  return reported.reduce<number>((total, part) => total + Number(part), 0)
}
