import type { ChatRequest } from '../../../domain/types.ts'

type Options = ChatRequest['providerOptions']

/** Vendors' names for the largest number of output tokens, in any spelling. */
const MAX_TOKENS = /^(max_?(completion|output|new)?_?tokens(_to_sample)?|num_predict|n_predict|max_length)$/i
/** Vendors' names for the number of responses to one request. */
const RESPONSES = /^(candidate_?count|best_of|num_(generations|return_sequences|choices)|n)$/i
const SERVICE_TIER = /^service_?tier$/i

/** Options in which no vendor finds permission for more output than `maxTokens`, or for several responses. */
export function boundOptions(options: Options, maxTokens: number): Options {
  const names = Object.keys(options)
  if (names.length === 0) return options
  return Object.fromEntries(names.map((name) => [name, bounded(options[name], maxTokens)])) as Options // same shape
}

function bounded(value: unknown, maxTokens: number): unknown {
  if (Array.isArray(value)) return value.map((item) => bounded(item, maxTokens))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      if (MAX_TOKENS.test(name))
        return [name, typeof field === 'number' && field > 0 && field < maxTokens ? field : maxTokens]
      if (RESPONSES.test(name)) return [name, 1]
      return [name, bounded(field, maxTokens)]
    }),
  )
}

/** The service tier that the options name for any vendor; undefined if they name none. */
export function serviceTierIn(options: Options): string | undefined {
  for (const ofVendor of Object.values(options)) {
    for (const [name, value] of Object.entries(ofVendor)) {
      if (SERVICE_TIER.test(name) && typeof value === 'string') return value
    }
  }
  return undefined
}
