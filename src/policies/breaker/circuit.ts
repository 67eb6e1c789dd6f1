import type { Witness } from '../../domain/errors/blame.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { BreakerState } from '../../domain/types.ts'
import { CallersView } from './callers-view.ts'
import type { CircuitRules } from './circuit-rules.ts'
import { SlidingCounts } from './sliding-counts.ts'

/** A call may not reach its target until this time, on the monotonic clock. */
export interface Refusal {
  readonly until: number
}

/** How a call came through. */
export type Pass = 'call' | 'probe'

/**
 * Lets calls through to one target, for one task, while it works. A failure that is certainly the target's counts for
 * every caller and opens the circuit for all of them. A failure that a request can cause opens it only for the callers
 * that had it: calls of others are let through, because they may succeed.
 */
export class Circuit {
  readonly #rules: CircuitRules
  readonly #now: () => number
  readonly #changed: (state: BreakerState, coolDown: number) => void
  /** Calls, and failures that are the target's for certain. */
  readonly #counts: SlidingCounts
  readonly #views: CallersView
  #state = BreakerState.CLOSED
  /** Callers that it is open for; undefined means everybody. */
  #openFor: Set<string> | undefined
  /** When a call may next find out whether the target works again. */
  #probeAt = 0
  #coolDown = 0
  #closedAt = Number.NEGATIVE_INFINITY

  constructor(rules: CircuitRules, now: () => number, changed: (state: BreakerState, coolDown: number) => void) {
    this.#rules = rules
    this.#now = now
    this.#changed = changed
    this.#counts = new SlidingCounts(rules.window)
    this.#views = new CallersView(rules)
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Whether a caller's next call would be refused, or be a probe. */
  isOpenFor(caller: string): boolean {
    return this.#state !== BreakerState.CLOSED && (this.#openFor === undefined || this.#openFor.has(caller))
  }

  /** Whether a call may go on, and whether it is the one that finds out if the target works again. */
  admit(caller: string): Pass | Refusal {
    if (!this.isOpenFor(caller)) return 'call'
    const now = this.#now()
    if (now < this.#probeAt) return { until: this.#probeAt }
    // Until the next cool-down is over there is no other probe, even if this one never ends.
    this.#probeAt = now + this.#coolDown
    this.#become(BreakerState.HALF_OPEN)
    return 'probe'
  }

  /** A call has its first event, or its whole answer, `latency` ms after it was sent. */
  answered(pass: Pass, caller: string, latency: number, slowWitness: (() => Witness) | undefined): void {
    const now = this.#now()
    this.#counts.addCall(now)
    if (slowWitness && latency > this.#rules.slow) this.#doubt(pass, slowWitness(), now)
    else {
      this.#views.answered(caller, now)
      if (pass === 'probe') this.#close(now)
    }
  }

  /** A call got no answer. */
  failed(pass: Pass, error: GatewayError, witness: () => Witness): void {
    const now = this.#now()
    const { blame } = error
    if (blame === 'target') {
      this.#counts.addCall(now)
      this.#countBad(pass, now)
    } else if (blame === 'maybe target') {
      this.#counts.addCall(now)
      this.#doubt(pass, witness(), now)
    } else if (pass === 'probe') {
      // A target that answers works, whatever the answer; a probe that was cut off has found nothing out.
      if (error.facts.upstream?.status !== undefined) this.#close(now)
      else this.#probeAt = now
    }
  }

  /** A stream that had begun broke off. */
  brokeOff(error: GatewayError, witness: () => Witness): void {
    const now = this.#now()
    if (error.blame === 'target') this.#countBad('call', now)
    else if (error.blame === 'maybe target') {
      const seen = witness()
      this.#views.brokeOff(seen, now)
      this.#judge('call', seen.caller, now)
    }
  }

  #doubt(pass: Pass, witness: Witness, now: number): void {
    this.#views.failed(witness, now)
    this.#judge(pass, witness.caller, now)
  }

  #judge(pass: Pass, caller: string, now: number): void {
    if (this.#state !== BreakerState.CLOSED) {
      // Somebody it was not open for has seen it fail, too.
      if (this.#openFor && this.#openFor.size < this.#rules.maxCallers) this.#openFor.add(caller)
      if (this.#state === BreakerState.HALF_OPEN && pass === 'probe') this.#open(now, this.#openFor)
      return
    }
    const failing = this.#views.failingCallers(now)
    if (failing?.has(caller)) this.#open(now, new Set(failing))
  }

  #countBad(pass: Pass, now: number): void {
    this.#counts.addBad(now)
    if (this.#state === BreakerState.HALF_OPEN && pass === 'probe') {
      this.#open(now, undefined)
      return
    }
    if (this.#state !== BreakerState.CLOSED && this.#openFor === undefined) return
    const { calls, bad } = this.#counts.sum(now)
    if (calls >= this.#rules.minCalls && bad >= calls * this.#rules.ratio) this.#open(now, undefined)
  }

  /** A target that fails again soon after it worked rests for longer, like one whose probe fails. */
  #open(now: number, callers: Set<string> | undefined): void {
    const { coolDown, maxCoolDown } = this.#rules
    const again = this.#state === BreakerState.HALF_OPEN || now - this.#closedAt < maxCoolDown
    this.#coolDown = again && this.#coolDown > 0 ? Math.min(maxCoolDown, this.#coolDown * 2) : coolDown
    this.#probeAt = now + this.#coolDown
    this.#openFor = callers
    this.#become(BreakerState.OPEN)
  }

  #close(now: number): void {
    if (this.#state === BreakerState.CLOSED) return
    this.#closedAt = now
    this.#openFor = undefined
    this.#counts.clear()
    this.#views.clear()
    this.#become(BreakerState.CLOSED)
  }

  #become(state: BreakerState): void {
    if (state === this.#state) return
    this.#state = state
    this.#changed(state, state === BreakerState.OPEN ? this.#coolDown : 0)
  }
}
