import type { RateLimits } from '../domain/limits.ts'

/** How callers prove who they are. */
export type AuthSettings = NoAuth | RequiredAuth

export interface NoAuth {
  readonly kind: 'none'
  /** Whether the operator wrote so. If not, the gateway serves its own machine only. */
  readonly stated: boolean
}

/** At least one key, or `jwt`. */
export interface RequiredAuth {
  readonly kind: 'required'
  readonly keys: readonly KeySettings[]
  readonly jwt?: JwtSettings
}

/** An API key. The key itself is not kept. */
export interface KeySettings {
  /** The caller's name. */
  readonly name: string
  /** SHA-256 of the key, 64 lower-case hex digits. */
  readonly sha256: string
  readonly admin: boolean
  /** The names of the models that it may use; undefined means all. */
  readonly models?: readonly string[] | undefined
  /** Of its own; what they leave out is as for every caller. */
  readonly limits?: Partial<RateLimits> | undefined
}

/** Tokens signed with HS256. */
export interface JwtSettings {
  /** At least 32 bytes in UTF-8. */
  readonly secret: string
  /** What `iss` must be; undefined accepts any. */
  readonly issuer?: string
  /** What `aud` must be or hold; undefined accepts any. */
  readonly audience?: string
}
