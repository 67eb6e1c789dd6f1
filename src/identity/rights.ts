import type { RateLimits } from '../domain/limits/limits.ts'
import { ModelFilter } from '../domain/text/model-filter.ts'

export interface Rights {
  readonly models: ModelFilter | undefined
  readonly limits: Partial<RateLimits> | undefined
}

const MAX_PATTERNS = 100
const MAX_PATTERN_LENGTH = 256
const MAX_LIMIT = 2 ** 31 - 1
/** Longest window, in seconds. */
const MAX_WINDOW = 86_400

/**
 * Reads the claims `models` and `limits` of a token: names of models, and an object of `requests`, `tokens`, `concurrent`
 * and `window` in seconds. Undefined when they cannot be read, because ignoring a limit would grant more than the issuer
 * meant to grant.
 */
export function rightsOf(models: unknown, limits: unknown): Rights | undefined {
  const filter = models === undefined ? undefined : filterOf(models)
  const own = limits === undefined ? undefined : limitsOf(limits)
  if ((models !== undefined && !filter) || (limits !== undefined && !own)) return undefined
  return { models: filter, limits: own }
}

function filterOf(models: unknown): ModelFilter | undefined {
  if (!Array.isArray(models) || models.length > MAX_PATTERNS) return undefined
  const patterns = models.filter(
    (model) => typeof model === 'string' && model !== '' && model.length <= MAX_PATTERN_LENGTH,
  )
  return patterns.length === models.length ? new ModelFilter(patterns) : undefined
}

function limitsOf(limits: unknown): Partial<RateLimits> | undefined {
  if (typeof limits !== 'object' || limits === null || Array.isArray(limits)) return undefined
  const own: { -readonly [Key in keyof RateLimits]?: RateLimits[Key] } = {}
  for (const [key, value] of Object.entries(limits)) {
    if (key !== 'requests' && key !== 'tokens' && key !== 'concurrent' && key !== 'window') return undefined
    if (!Number.isInteger(value) || value < 1 || value > (key === 'window' ? MAX_WINDOW : MAX_LIMIT)) return undefined
    own[key] = key === 'window' ? value * 1000 : value
  }
  return own
}
