/** Settings of idempotency keys. */
export interface IdempotencySettings {
  /** How long a key and its result are remembered, in ms. */
  readonly ttl: number
  /** Memory that keys and results of all callers may take in this process, in bytes. */
  readonly maxBytes: number
}

export const defaultIdempotencySettings: IdempotencySettings = { ttl: 24 * 3_600_000, maxBytes: 64 * 2 ** 20 }
