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

  /** Starts a new window if the last one is over. */
  turn(now: number, window: number): void {
    if (now < this.start + window) return
    this.start = now
    this.requests = 0
    this.tokens = 0
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
      const kind = refusal ? undefined : reached(quota.limits, bucket, tokens)
      if (kind) refusal = limitStatus(quota, kind, bucket, now)
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
      const { bucket, limits } = this.#at(at)
      bucket.requests++
      bucket.tokens += reserved(limits, tokens)
      bucket.active++
      this.#starts.push(bucket.start)
    }
    this.refusal = refusal
    this.limitStatus = tightest(quotas, buckets, now)
  }

  settle(used: number | undefined): void {
    if (this.#settled) return
    this.#settled = true
    for (let at = 0; at < this.#buckets.length; at++) {
      const { bucket, limits } = this.#at(at)
      bucket.active--
      // The counts of a past window no longer matter.
      if (used === undefined || limits.tokens === undefined || bucket.start !== this.#starts[at]) continue
      bucket.tokens += used - reserved(limits, this.#tokens)
    }
  }

  #at(at: number) {
    // Both lists have the same length.
    return { bucket: this.#buckets[at] as Bucket, limits: (this.#quotas[at] as Quota).limits }
  }
}
