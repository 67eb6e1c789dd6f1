import type { Payers, PayingCall, Target } from '../../../domain/calls/facts.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError } from '../../../domain/errors/error.ts'
import type { Hold, Refusal, Wanted } from '../../../domain/ports/money/budgets.ts'
import { spenderOf } from '../budget-index.ts'
import type { BudgetParts } from '../budget-parts.ts'
import { budgetExceeded } from '../refusals.ts'

export interface NextPayerOptions {
  readonly budgets: BudgetParts
  readonly clock: Clock
  readonly payers: Payers
  /** Target of the attempt that is to be paid. */
  readonly target: Target
}

/** A call whose budgets bear more of an attempt, and what it has reserved there. */
export interface Successor {
  readonly call: PayingCall
  readonly hold: Hold
}

/** Finds the call that pays for the rest of a shared response: the first in order of arrival whose budgets bear it. */
export class NextPayer {
  readonly #options: NextPayerOptions
  #found: Successor | undefined
  #isAsking = false
  #isOver = false

  constructor(options: NextPayerOptions) {
    this.#options = options
  }

  /** Reserves `amount`, or `least` at least, for the next call that can pay, unless one has been found. */
  seek({ amount, least }: Pick<Wanted, 'amount' | 'least'>): void {
    const { payers, target, budgets } = this.#options
    this.#forgetLeft()
    while (!this.#found && !this.#isAsking) {
      const call = payers.nextPayer()
      if (!call) return
      const keys = budgets.index.keysOf(spenderOf(call), target.provider.name)
      const id = `${call.context.requestId}:shared`
      const reserved = budgets.budgets.reserve({ id, keys, amount, least })
      if (reserved instanceof Promise) this.#await(call, reserved)
      else this.#answered(call, reserved)
    }
  }

  /** The call that was found; undefined if there is none, or it is not known yet. */
  take(): Successor | undefined {
    this.#forgetLeft()
    const found = this.#found
    this.#found = undefined
    return found
  }

  /** The attempt has ended: nobody else pays. */
  end(): void {
    this.#isOver = true
    this.take()?.hold.settle(0)
  }

  #await(call: PayingCall, reserved: Promise<Hold | Refusal>): void {
    this.#isAsking = true
    reserved.then(
      (result) => {
        this.#isAsking = false
        this.#answered(call, result)
      },
      (thrown) => {
        this.#isAsking = false
        this.#options.payers.refused(call, GatewayError.from(thrown))
      },
    )
  }

  #answered(call: PayingCall, result: Hold | Refusal): void {
    const { payers, clock, target } = this.#options
    const { provider, model } = target
    if (result.refusedBy) {
      payers.refused(call, budgetExceeded(result.refusedBy, clock, undefined, { provider: provider.name, model }))
    } else if (this.#isOver) result.settle(0)
    else this.#found = { call, hold: result }
  }

  /** A call that leaves before it pays is not held to it. */
  #forgetLeft(): void {
    if (!this.#found?.call.context.cancellation.reason) return
    this.#found.hold.settle(0)
    this.#found = undefined
  }
}
