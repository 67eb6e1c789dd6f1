import type { Witness } from '../../domain/errors/blame.ts'
import type { CircuitRules } from './circuit-rules.ts'
import { SlidingCounts } from './sliding-counts.ts'

/** What one caller has seen of a target recently. */
interface View {
  readonly counts: SlidingCounts
  /** Different requests that failed, up to the number that matters. */
  readonly failed: Set<string>
}

/**
 * What each caller sees of one target, for failures that a request can cause: those of one caller alone may be its own
 * doing. Once as many callers are remembered as may be, only those that fail are added, in place of those that do not.
 */
export class CallersView {
  readonly #rules: CircuitRules
  readonly #views = new Map<string, View>()

  constructor(rules: CircuitRules) {
    this.#rules = rules
  }

  /** A caller got an answer. */
  answered(caller: string, now: number): void {
    const isFull = this.#views.size >= this.#rules.maxCallers
    const view = this.#views.get(caller) ?? (isFull ? undefined : this.#make(caller, now))
    view?.counts.addCall(now)
  }

  /** A caller got none. */
  failed(witness: Witness, now: number): void {
    this.answered(witness.caller, now)
    this.brokeOff(witness, now)
  }

  /** A call that was counted as answered has turned out bad. */
  brokeOff({ caller, request }: Witness, now: number): void {
    const view = this.#views.get(caller) ?? this.#make(caller, now)
    if (view.counts.sum(now).bad === 0) view.failed.clear()
    view.counts.addBad(now)
    if (view.failed.size < this.#rules.minRequests) view.failed.add(request)
  }

  /** The callers for which the target counts as failing; undefined while it may be their requests. */
  failingCallers(now: number): ReadonlySet<string> | undefined {
    const { ratio, minCalls, minRequests } = this.#rules
    const failing = new Set<string>()
    let total = 0
    let requests = 0
    for (const [caller, { counts, failed }] of this.#views) {
      const { calls, bad } = counts.sum(now)
      if (bad === 0 || bad < calls * ratio) continue
      failing.add(caller)
      total += Math.max(calls, bad)
      requests = failed.size
    }
    if (total < minCalls || (failing.size === 1 && requests < minRequests)) return undefined
    return failing
  }

  clear(): void {
    this.#views.clear()
  }

  #make(caller: string, now: number): View {
    if (this.#views.size >= this.#rules.maxCallers) this.#forgetOne(now)
    const view: View = { counts: new SlidingCounts(this.#rules.window), failed: new Set() }
    this.#views.set(caller, view)
    return view
  }

  /** A caller without recent failures, or else the one that is remembered longest. */
  #forgetOne(now: number): void {
    let [forgotten] = this.#views.keys()
    for (const [caller, { counts }] of this.#views) {
      if (counts.sum(now).bad > 0) continue
      forgotten = caller
      break
    }
    if (forgotten !== undefined) this.#views.delete(forgotten)
  }
}
