import type { Call } from '../../domain/calls/call.ts'
import type { Trailers } from '../../domain/calls/call-record.ts'
import type { Authenticated, CallCharges, Planned, Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Clock } from '../../domain/clock.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { codes } from '../../domain/errors/reasons.ts'
import { nanoDollars } from '../../domain/money.ts'
import {
  type CallEnding,
  type Charge,
  type ChargeFacts,
  type Ledger,
  NO_SHARES,
} from '../../domain/ports/money/ledger.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, type EmbedFinish, finishOf } from '../../domain/streams/events.ts'
import { UsageState } from '../../domain/types.ts'

/** Parts that the billing policies need. */
export interface BillingParts {
  readonly ledger: Ledger
  /** Identifies the prices of now. */
  readonly priceVersion: () => string
  /** Trailers about what the caller may still spend. */
  readonly trailers?: ((call: Call & Authenticated) => Trailers | undefined) | undefined
}

/** Facts about the attempt that a charge is for. */
interface Attempted {
  readonly target: Target
  readonly keyId: string
}

/**
 * The charges of one call: one for each request to a vendor, or a single one when none was needed. The last one is the
 * final record of the call.
 */
export class CallBill implements CallCharges, Watcher<AnyEvent> {
  readonly #ledger: Ledger
  readonly #priceVersion: () => string
  readonly #trailers: BillingParts['trailers']
  readonly #call: Call & Authenticated & Planned
  readonly #clock: Clock
  #attempts = 0
  /** The last charge that was opened. */
  #last: Charge | undefined
  /** Charges that are not settled. */
  #open = 0
  #finish: EmbedFinish | undefined
  /** Ending of a call whose requests have not all ended. */
  #ending: CallEnding | undefined

  constructor({ ledger, priceVersion, trailers }: BillingParts, call: Call & Authenticated & Planned, clock: Clock) {
    this.#ledger = ledger
    this.#priceVersion = priceVersion
    this.#trailers = trailers
    this.#call = call
    this.#clock = clock
  }

  /** Opens the charge of a request with what it costs if its end is never learned. Its first request begins an attempt. */
  begin(attempted: Attempted, outcome: Charge['outcome'], part = 0): Charge {
    const attempt = part === 0 ? ++this.#attempts : this.#attempts
    const charge = openCharge(this.#facts(attempt, attempted, part), outcome)
    this.#last = charge
    this.#open++
    return charge
  }

  /**
   * A request has ended. If the call ended before it, because its client left, it is the final record. Others may follow
   * where the upstream call is shared.
   */
  settle(charge: Charge, outcome: Charge['outcome']): void | Promise<void> {
    charge.outcome = outcome
    this.#open--
    if (this.#open === 0) charge.ending = this.#takeEnding()
    return this.#ledger.settle(charge)
  }

  ofSideCall(): CallCharges {
    const charges: CallCharges = {
      begin: (attempted, outcome) => openCharge(this.#facts(++this.#attempts, attempted), outcome),
      settle: (charge, outcome) => {
        charge.outcome = outcome
        return this.#ledger.settle(charge)
      },
      ofSideCall: () => charges,
    }
    return charges
  }

  event(event: AnyEvent): void {
    this.#finish = finishOf(event) ?? this.#finish
  }

  end(error?: GatewayError): void | Promise<void> {
    const { record } = this.#call.context
    const trailers = this.#trailers?.(this.#call)
    if (trailers) record.trailers = { ...record.trailers, ...trailers }
    const latency = record.elapsed()
    const ending = { code: error ? codes[error.code] : 0, reason: error?.reason ?? '', latency }
    if (this.#open > 0) {
      this.#ending = ending
      return
    }
    if (!this.#last) return this.#ledger.settle(this.#withoutAttempt(ending))
    this.#last.ending = ending
    return this.#ledger.finish(this.#last)
  }

  /** The ending of the call for its final record; undefined before the end and once it was taken. */
  #takeEnding(): CallEnding | undefined {
    const ending = this.#ending
    this.#ending = undefined
    return ending
  }

  /** Charge of a call that was answered from the cache or with an earlier result, or failed before any attempt. */
  #withoutAttempt(ending: CallEnding): Charge {
    const { code, reason } = ending
    const [target] = this.#call.targets
    const route = this.#finish?.route
    const { replayed } = this.#call.context.record
    const cached = route?.cached === true && !replayed
    const facts = this.#facts(0, target && { target, keyId: '' })
    const saved = this.#finish?.cost?.savedUsd
    return {
      facts: route && (cached || replayed) ? { ...facts, provider: route.provider, model: route.model } : facts,
      outcome: {
        state: replayed ? UsageState.REPLAYED : cached ? UsageState.CACHED : UsageState.NO_CHARGE,
        tokens: {},
        cost: { input: 0, output: 0 },
        saved: cached && saved !== undefined ? nanoDollars(saved) : undefined,
        code,
        reason,
        upstreamLatency: 0,
      },
      ending,
      shares: NO_SHARES,
    }
  }

  #facts(attempt: number, attempted: Attempted | undefined, part = 0): ChargeFacts {
    const { operation, request, context, caller, targets } = this.#call
    return {
      callId: context.requestId,
      attempt,
      part,
      time: this.#clock.wall(),
      operation: operations[operation].rpc,
      caller: caller.name,
      userId: request.userId,
      sessionId: request.sessionId,
      labels: request.labels,
      alias: (attempted?.target ?? targets[0])?.alias ?? '',
      provider: attempted?.target.provider.name ?? '',
      model: attempted?.target.model ?? '',
      keyId: attempted?.keyId ?? '',
      priceVersion: attempt > 0 ? this.#priceVersion() : '',
    }
  }
}

function openCharge(facts: ChargeFacts, outcome: Charge['outcome']): Charge {
  return { facts, outcome, ending: undefined, shares: NO_SHARES }
}
