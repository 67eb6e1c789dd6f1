import type { LimitStatus, Quota } from '../limits/limits.ts'

/** Counts calls against limits. */
export interface Limiter {
  /**
   * Counts a call against all `quotas`, or, where one is reached and limits are `enforced`, against none. `id`
   * identifies the call: with the same id it is counted once. `tokens` is what the call may use. Throws or rejects with
   * LIMITS_UNAVAILABLE only.
   */
  reserve(id: string, quotas: readonly Quota[], tokens: number, enforced: boolean): Reservation | Promise<Reservation>
  /** Stops its timers. */
  close?(): void
}

/** What a call has been counted for. */
export interface Reservation {
  /** The limit that is reached. */
  readonly refusal: LimitStatus | undefined
  /** The limit that is nearest, this call included. */
  readonly limitStatus: LimitStatus | undefined
  /** Ends the call with the tokens it used; undefined keeps what was reserved. Only the first call has an effect. */
  settle(tokens: number | undefined): void
}
