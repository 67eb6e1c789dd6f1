import type { Call } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Billed, CallCharges, Keyed, Reservation, Reserved, Routed } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import type { Charge, Ledger } from '../../domain/ports/money/ledger.ts'
import type { EventStream, Watcher } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { NO_CHARGE, unknownUsage } from './attempt-charge.ts'
import { nanoOf, outcomeOf, unknownOutcome } from './outcome.ts'
import { RequestRecords } from './request-records.ts'

type Needs = Call & Billed & Routed & Keyed & Reserved

/** Records each attempt in the ledger before it is sent and when it has ended, at the price when it began. */
export function record(ledger: Ledger | undefined): Policy<Needs> {
  return (next) => {
    if (!ledger) return next
    return (call) => {
      const { bill, operation } = call
      if (!bill) return next(call)
      if (!operations[operation].mayBeSplit) return recordAttempt(ledger, bill, next, call)
      const requests = new RequestRecords(ledger, bill, call)
      return follow(next, { ...call, requests }, requests)
    }
  }
}

function recordAttempt<C extends Needs, E extends AnyEvent>(
  ledger: Ledger,
  bill: CallCharges,
  next: Handler<C, E>,
  call: C,
): Promise<EventStream<E>> {
  const { target, key, context, reservation } = call
  const { price } = target.provider.describe(target.model)
  const assumed = unknownOutcome(reservation?.assumed ?? unknownUsage(call), price)
  const charge = bill.begin({ target, keyId: key?.keyId ?? '' }, assumed)
  if (reservation) charge.shares = reservation.held()
  const index = context.record.attempts.length
  const watcher = new ChargeWatcher(bill, charge, reservation, () => context.record.attempts[index])
  const attempt = async (call: C) => {
    await ledger.begin(charge)
    context.cancellation.throwIfCancelled()
    return next(call)
  }
  return follow(attempt, call, watcher)
}

/** Settles the charge of one attempt when it ends. */
class ChargeWatcher implements Watcher<AnyEvent> {
  readonly #bill: CallCharges
  readonly #charge: Charge
  readonly #reservation: Reservation | undefined
  /** Undefined until the attempt has begun, and for good if it was refused before that. */
  readonly #attempt: () => AttemptRecord | undefined

  constructor(
    bill: CallCharges,
    charge: Charge,
    reservation: Reservation | undefined,
    attempt: () => AttemptRecord | undefined,
  ) {
    this.#bill = bill
    this.#charge = charge
    this.#reservation = reservation
    this.#attempt = attempt
  }

  event(): void {}

  end(error?: GatewayError): void | Promise<void> {
    const attempt = this.#attempt()
    const outcome = outcomeOf(attempt?.charged ?? NO_CHARGE, error, attempt?.latency ?? 0)
    if (this.#reservation) this.#charge.shares = this.#reservation.settle(nanoOf(outcome))
    return this.#bill.settle(this.#charge, outcome)
  }
}
