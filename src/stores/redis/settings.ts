import type { RedisAddress } from './redis-address.ts'

export interface RedisSettings {
  readonly address: RedisAddress
  /** Time that a command may take, in ms. */
  readonly timeout: number
}

/** In ms. */
export const DEFAULT_REDIS_TIMEOUT = 200
