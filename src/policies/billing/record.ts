import type { Call } from '../../domain/calls/call.ts'
import type { AttemptCharge, AttemptRecord } from '../../domain/calls/call-record.ts'
import { sumOfCharges } from '../../domain/calls/charged-sum.ts'
import type {
  Billed,
  CallCharges,
  Keyed,
  PayingCall,
  Payment,
  Reservation,
  Reserved,
  Routed,
  Shared,
} from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import type { Charge, ChargeOutcome, Ledger } from '../../domain/ports/money/ledger.ts'
import type { EventStream, Watcher } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { NO_CHARGE, unknownUsage } from './attempt-charge.ts'
import { divideCharge } from './divide-charge.ts'
import { nanoOf, outcomeOf, unknownOutcome } from './outcome.ts'
import { RequestRecords } from './request-records.ts'

type Needs = Call & Billed & Shared & Routed & Keyed & Reserved

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
  const { target, key, context, reservation, payers } = call
  const { price } = target.provider.describe(target.model)
  const assumed = unknownOutcome(reservation?.assumed ?? unknownUsage(call), price)
  const charge = bill.begin({ target, keyId: key?.keyId ?? '' }, assumed)
  if (reservation) charge.shares = reservation.held()
  const index = context.record.attempts.length
  const attempted = () => context.record.attempts[index]
  const watcher = new ChargeWatcher({ bill, charge, reservation, payer: payers?.successor }, attempted)
  const attempt = async (call: C) => {
    await ledger.begin(charge)
    context.cancellation.throwIfCancelled()
    return next(call)
  }
  return follow(attempt, call, watcher)
}

interface OpenCharge {
  readonly bill: CallCharges
  readonly charge: Charge
  readonly reservation: Reservation | undefined
  /** The call that had taken over the shared call when the attempt began; undefined while the one that began it pays. */
  readonly payer: PayingCall | undefined
}

const NO_PAYMENTS: readonly Payment[] = []

/** Settles the charge of one attempt when it ends, and the parts of it that other calls took over. */
class ChargeWatcher implements Watcher<AnyEvent> {
  readonly #open: OpenCharge
  /** Undefined until the attempt has begun, and for good if it was refused before that. */
  readonly #attempt: () => AttemptRecord | undefined

  constructor(open: OpenCharge, attempt: () => AttemptRecord | undefined) {
    this.#open = open
    this.#attempt = attempt
  }

  event(): void {}

  end(error?: GatewayError): void | Promise<void> {
    const { bill, charge, reservation, payer } = this.#open
    const attempt = this.#attempt()
    const charged = attempt?.charged ?? NO_CHARGE
    const latency = attempt?.latency ?? 0
    const payments = reservation?.settle(nanoOf(charged)) ?? NO_PAYMENTS
    const [own = charged, ...parts] = divideCharge(charged, payments)
    if (payer) addTakenOver(payer, own)
    if (payments[0]) charge.shares = payments[0].shares
    const written = bill.settle(charge, outcomeOf(own, error, latency))
    if (parts.length === 0) return written
    const others = parts.map((part, index) => settlePart(payments[index + 1], part, outcomeOf(part, error, latency)))
    return Promise.all([written, ...others]).then(() => undefined)
  }
}

/** Settles the charge of a call that has taken over. */
function settlePart(payment: Payment | undefined, part: AttemptCharge, outcome: ChargeOutcome): void | Promise<void> {
  if (!payment?.takenOver) return
  const { call, charge } = payment.takenOver
  addTakenOver(call, part)
  if (!charge) return
  charge.shares = payment.shares
  return call.bill?.settle(charge, outcome)
}

function addTakenOver({ context: { record } }: PayingCall, part: AttemptCharge): void {
  record.takenOver = record.takenOver ? sumOfCharges([record.takenOver, part]) : part
}
