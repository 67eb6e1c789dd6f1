import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.ts'
import {
  type Count,
  type LimitScope,
  type LimitStatus,
  limitStatus,
  type Quota,
  reached,
  reserved,
  shareOf,
  shareOfTokens,
  tightest,
} from '../../domain/limits/limits.ts'
import type { Limiter, Reservation } from '../../domain/ports/limiter.ts'

export interface MemoryLimiterOptions {
  readonly clock: Clock
  /** This gateway's share of each limit, above 0 and up to 1. Default: 1. */
  readonly share?: number
  /** Subjects per scope. Beyond it, the least recently used one starts again at zero. Default: 10,000. */
  readonly maxSubjects?: number
}

const MAX_SUBJECTS = 10_000

class Bucket implements Count {
  start = Number.NEGATIVE_INFINITY
  requests = 0
  tokens = 0
  active = 0
  /** Tokens that running calls have reserved in this window, by holder. */
  readonly #held = new Map<string, number>()
  /** Total of what holders hold beyond their shares. */
  #excess = 0

  /** Starts a new window if the last one is over. */
  turn(now: number, window: number): void {
    if (now < this.start + window) return
    this.start = now
    this.requests = 0
    this.tokens = 0
    this.#excess = 0
    this.#held.clear()
  }

  /** The counts for a call of this quota: what other holders hold beyond their shares does not count. */
  seenBy(quota: Quota): Count {
    const { start, requests, active } = this
    const others = this.#excess - this.#excessOf(quota)
    return { start, requests, tokens: this.tokens - others, active }
  }

  /** A call of this quota reserves tokens, or returns them where they are negative. */
  hold(quota: Quota, tokens: number): void {
    if (quota.holder === undefined || tokens === 0) return
    this.#excess -= this.#excessOf(quota)
    const held = (this.#held.get(quota.holder) ?? 0) + tokens
    if (held > 0) this.#held.set(quota.holder, held)
    else this.#held.delete(quota.holder)
    this.#excess += this.#excessOf(quota)
  }

  #excessOf(quota: Quota): number {
    const held = quota.holder === undefined ? 0 : (this.#held.get(quota.holder) ?? 0)
    return Math.max(0, held - shareOfTokens(quota))
  }
}

/** Counts the calls of this gateway. */
export class MemoryLimiter implements Limiter {
  readonly #clock: Clock
  readonly #share: number
  readonly #maxSubjects: number
  readonly #scopes = new Map<LimitScope, LRUCache<string, Bucket>>()

  constructor({ clock, share = 1, maxSubjects = MAX_SUBJECTS }: MemoryLimiterOptions) {
    this.#clock = clock
    this.#share = share
    this.#maxSubjects = maxSubjects
  }

  reserve(_id: string, requested: readonly Quota[], tokens: number, enforced: boolean): Reservation {
    const now = this.#clock.now()
    const quotas = this.#share === 1 ? requested : requested.map((quota) => this.#shared(quota))
    const buckets: Bucket[] = []
    let refusal: LimitStatus | undefined
    for (const quota of quotas) {
      const bucket = this.#bucket(quota)
      bucket.turn(now, quota.limits.window)
      buckets.push(bucket)
      const seen = bucket.seenBy(quota)
      const kind = refusal ? undefined : reached(quota, seen, tokens)
      if (kind) refusal = limitStatus(quota, kind, seen, now)
    }
    if (refusal && enforced) return new Refused(refusal)
    return new Counted(quotas, buckets, tokens, refusal, now)
  }

  /** Number of places taken by calls under way, over all quotas; for tests. */
  get active(): number {
    let active = 0
    for (const buckets of this.#scopes.values()) for (const bucket of buckets.values()) active += bucket.active
    return active
  }

  #shared(quota: Quota): Quota {
    return { ...quota, limits: shareOf(quota.limits, this.#share) }
  }

  #bucket({ scope, subject }: Quota): Bucket {
    let buckets = this.#scopes.get(scope)
    if (!buckets) {
      buckets = new LRUCache({ max: this.#maxSubjects })
      this.#scopes.set(scope, buckets)
    }
    let bucket = buckets.get(subject)
    if (!bucket) {
      bucket = new Bucket()
      buckets.set(subject, bucket)
    }
    return bucket
  }
}

/** A call that was not counted. */
class Refused implements Reservation {
  readonly refusal: LimitStatus
  readonly limitStatus: LimitStatus

  constructor(refusal: LimitStatus) {
    this.refusal = refusal
    this.limitStatus = refusal
  }

  settle(): void {}
}

class Counted implements Reservation {
  readonly refusal: LimitStatus | undefined
  readonly limitStatus: LimitStatus | undefined
  readonly #quotas: readonly Quota[]
  readonly #buckets: readonly Bucket[]
  readonly #starts: number[] = []
  readonly #tokens: number
  #settled = false

  constructor(
    quotas: readonly Quota[],
    buckets: readonly Bucket[],
    tokens: number,
    refusal: LimitStatus | undefined,
    now: number,
  ) {
    this.#quotas = quotas
    this.#buckets = buckets
    this.#tokens = tokens
    for (let at = 0; at < buckets.length; at++) {
      const { bucket, quota } = this.#at(at)
      const held = reserved(quota, tokens)
      bucket.requests++
      bucket.tokens += held
      bucket.hold(quota, held)
      bucket.active++
      this.#starts.push(bucket.start)
    }
    this.refusal = refusal
    const seen = buckets.map((_, at) => {
      const { bucket, quota } = this.#at(at)
      return bucket.seenBy(quota)
    })
    this.limitStatus = tightest(quotas, seen, now)
  }

  settle(used: number | undefined): void {
    if (this.#settled) return
    this.#settled = true
    for (let at = 0; at < this.#buckets.length; at++) {
      const { bucket, quota } = this.#at(at)
      bucket.active--
      // The counts of a past window no longer matter.
      if (quota.limits.tokens === undefined || bucket.start !== this.#starts[at]) continue
      const held = reserved(quota, this.#tokens)
      bucket.hold(quota, -held)
      if (used !== undefined) bucket.tokens += used - held
    }
  }

  #at(at: number) {
    // Both lists have the same length.
    return { bucket: this.#buckets[at] as Bucket, quota: this.#quotas[at] as Quota }
  }
}
