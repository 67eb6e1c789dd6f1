import type { GatewayError } from '../../domain/error.ts'
import type { Watcher } from '../../domain/event-stream.ts'
import type { AnyEvent } from '../../domain/events.ts'
import { BreakerState } from '../../domain/types.ts'
import type { CircuitRules } from './circuit-rules.ts'
import { SlidingCounts } from './sliding-counts.ts'

/** A call may not reach its target: until when, on the monotonic clock, and whether the vendor lacks the model. */
export interface Refusal {
  readonly until: number
  readonly missing: boolean
}

/** How a call came through. */
export type Pass = 'call' | 'probe'

/** Lets calls through to one target while it is well. Watches the streams that it let through, all of them alike. */
export class Circuit implements Watcher<AnyEvent> {
  readonly #rules: CircuitRules
  readonly #now: () => number
  readonly #changed: (state: BreakerState, coolDown: number) => void
  readonly #counts: SlidingCounts
  #state = BreakerState.CLOSED
  /** When a call may next try whether the target is well again. */
  #probeAt = 0
  #coolDown = 0
  #closedAt = Number.NEGATIVE_INFINITY
  #missingUntil = 0

  constructor(rules: CircuitRules, now: () => number, changed: (state: BreakerState, coolDown: number) => void) {
    this.#rules = rules
    this.#now = now
    this.#changed = changed
    this.#counts = new SlidingCounts(rules.window)
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Whether a call may go on, and whether it is the one that finds out whether the target is well again. */
  admit(): Pass | Refusal {
    if (this.#state === BreakerState.CLOSED && this.#missingUntil === 0) return 'call'
    const now = this.#now()
    if (now < this.#missingUntil) return { until: this.#missingUntil, missing: true }
    this.#missingUntil = 0
    if (this.#state === BreakerState.CLOSED) return 'call'
    if (now < this.#probeAt) return { until: this.#probeAt, missing: false }
    // Until the next cool-down is over there is no other probe, even if this one is never heard of again.
    this.#probeAt = now + this.#coolDown
    this.#become(BreakerState.HALF_OPEN)
    return 'probe'
  }

  /** A call has its first event, or its whole answer, `latency` ms after it was sent. */
  answered(pass: Pass, latency: number, streamed: boolean): void {
    const now = this.#now()
    this.#counts.addCall(now)
    if (streamed && latency > this.#rules.slow) this.#countBad(pass, now)
    else if (pass === 'probe') this.#close(now)
  }

  /** A call got no answer. */
  failed(pass: Pass, error: GatewayError): void {
    const now = this.#now()
    if (error.reason === 'UPSTREAM_MODEL_MISSING') this.#missingUntil = now + this.#rules.missing
    if (error.isOutage) {
      this.#counts.addCall(now)
      this.#countBad(pass, now)
    } else if (pass === 'probe') {
      // Whoever answers is well, whatever the answer; a probe that was cut off has found nothing out.
      if (error.facts.upstream?.status !== undefined) this.#close(now)
      else this.#probeAt = now
    }
  }

  /** A stream that had begun has ended. */
  end(error?: GatewayError): void {
    if (error?.isOutage) this.#countBad('call', this.#now())
  }

  #countBad(pass: Pass, now: number): void {
    this.#counts.addBad(now)
    if (this.#state === BreakerState.HALF_OPEN && pass === 'probe') this.#open(now)
    else if (this.#state === BreakerState.CLOSED) {
      const { calls, bad } = this.#counts.sum(now)
      if (calls >= this.#rules.leastCalls && bad >= calls * this.#rules.ratio) this.#open(now)
    }
  }

  /** A target that fails again soon after it was well rests for longer, as one whose probe fails does. */
  #open(now: number): void {
    const { coolDown, longestCoolDown } = this.#rules
    const again = this.#state === BreakerState.HALF_OPEN || now - this.#closedAt < longestCoolDown
    this.#coolDown = again && this.#coolDown > 0 ? Math.min(longestCoolDown, this.#coolDown * 2) : coolDown
    this.#probeAt = now + this.#coolDown
    this.#become(BreakerState.OPEN)
  }

  #close(now: number): void {
    if (this.#state === BreakerState.CLOSED) return
    this.#closedAt = now
    this.#counts.clear()
    this.#become(BreakerState.CLOSED)
  }

  #become(state: BreakerState): void {
    if (state === this.#state) return
    this.#state = state
    this.#changed(state, state === BreakerState.OPEN ? this.#coolDown : 0)
  }
}
