import type { RateLimits } from '../domain/limits/limits.ts'
import type { NameList } from '../domain/text/name-list.ts'

/** How callers authenticate. */
export type AuthSettings = NoAuth | RequiredAuth

export interface NoAuth {
  readonly kind: 'none'
  /** Whether the operator turned authentication off. If not, the gateway serves its own machine only. */
  readonly stated: boolean
}

/** Has at least one key, or `jwt`. */
export interface RequiredAuth {
  readonly kind: 'required'
  readonly keys: readonly KeySettings[]
  readonly jwt?: JwtSettings
  /** For callers whose key or token has none. Default: `all`. */
  readonly providerOptions?: NameList | undefined
  /** For callers whose key or token has none. Default: `none`. */
  readonly cacheNamespaces?: NameList | undefined
}

/** An API key. Only its digest is stored. */
export interface KeySettings {
  /** The caller's name. */
  readonly name: string
  /** SHA-256 of the key, 64 lower-case hex digits. */
  readonly sha256: string
  readonly admin: boolean
  /** Patterns of the models that it may use; undefined means all. */
  readonly models?: readonly string[] | undefined
  /** Providers, or fields of them, whose `provider_options` it may set. */
  readonly providerOptions?: NameList | undefined
  /** Shared namespaces of the cache that it may use. */
  readonly cacheNamespaces?: NameList | undefined
  /** Override the limits of every caller, one by one. */
  readonly limits?: Partial<RateLimits> | undefined
}

/** Tokens signed with HS256. */
export interface JwtSettings {
  /** At least 32 bytes in UTF-8. */
  readonly secret: string
  /** Required `iss`; undefined accepts any. */
  readonly issuer?: string
  /** Required `aud`, or one of several; undefined accepts any. */
  readonly audience?: string
}
