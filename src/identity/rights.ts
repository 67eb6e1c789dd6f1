import { overriding, type RateLimits } from '../domain/limits/limits.ts'
import { ModelFilter } from '../domain/text/model-filter.ts'
import type { NameList } from '../domain/text/name-list.ts'
import type { KeySettings, RequiredAuth } from './settings.ts'

/** What a caller may do, as its key or token says; undefined where it says nothing. */
export type OwnRights = Pick<KeySettings, 'models' | 'limits' | 'providerOptions' | 'cacheNamespaces'>

/** What all callers have in common. */
export interface CommonRights extends Pick<RequiredAuth, 'providerOptions' | 'cacheNamespaces'> {
  /** Limits of each caller, where it has none of its own. */
  readonly limits?: RateLimits | undefined
  /** Names of all aliases. */
  readonly aliases?: ReadonlySet<string> | undefined
}

/** What a caller may do, with what it has in common with all others. */
export function rightsOf({ models, limits, providerOptions, cacheNamespaces }: OwnRights, common: CommonRights) {
  return {
    models: models && new ModelFilter(models, common.aliases),
    limits: overriding(limits, common.limits),
    providerOptions: providerOptions ?? common.providerOptions ?? 'all',
    cacheNamespaces: cacheNamespaces ?? common.cacheNamespaces ?? 'none',
  }
}

const MAX_PATTERNS = 100
const MAX_PATTERN_LENGTH = 256
const MAX_LIMIT = 2 ** 31 - 1
/** Longest window, in seconds. */
const MAX_WINDOW = 86_400

/** Claims of a token that say what its caller may do. */
export interface RightsClaims {
  readonly [other: string]: unknown
  /** Names of models. */
  readonly models?: unknown
  /** An object of `requests`, `tokens`, `concurrent` and `window` in seconds. */
  readonly limits?: unknown
  /** `all`, `none` or names. */
  readonly provider_options?: unknown
  /** `all`, `none` or names. */
  readonly cache_namespaces?: unknown
}

/**
 * Reads the claims of a token. Undefined when one of them cannot be read, because ignoring it would grant more than the
 * issuer meant to grant.
 */
export function claimedRights(claims: RightsClaims): OwnRights | undefined {
  const models = optional(claims.models, namesOf)
  const limits = optional(claims.limits, limitsOf)
  const providerOptions = optional(claims.provider_options, nameListOf)
  const cacheNamespaces = optional(claims.cache_namespaces, nameListOf)
  if (!models || !limits || !providerOptions || !cacheNamespaces) return undefined
  return {
    models: models.read,
    limits: limits.read,
    providerOptions: providerOptions.read,
    cacheNamespaces: cacheNamespaces.read,
  }
}

/** What was read of a claim, which may be absent; undefined when it cannot be read. */
function optional<T>(claim: unknown, read: (claim: unknown) => T | undefined): { read: T | undefined } | undefined {
  if (claim === undefined) return { read: undefined }
  const found = read(claim)
  return found === undefined ? undefined : { read: found }
}

function nameListOf(claim: unknown): NameList | undefined {
  return claim === 'all' || claim === 'none' ? claim : namesOf(claim)
}

function namesOf(claim: unknown): readonly string[] | undefined {
  if (!Array.isArray(claim) || claim.length > MAX_PATTERNS) return undefined
  const names = claim.filter((name) => typeof name === 'string' && name !== '' && name.length <= MAX_PATTERN_LENGTH)
  return names.length === claim.length ? names : undefined
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
