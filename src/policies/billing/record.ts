import type { Call } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Billed, CallCharges, Keyed, Reservation, Reserved, Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { codes } from '../../domain/errors/reasons.ts'
import type { Bill } from '../../domain/money.ts'
import type { Charge, Ledger } from '../../domain/ports/ledger.ts'
import type { EventStream, Watcher } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { type Usage, UsageState } from '../../domain/types.ts'
import { NO_CHARGE, unknownUsage } from './attempt-charge.ts'

type Needs = Call & Billed & Routed & Keyed & Reserved

/** Records each attempt in the ledger before it is sent and when it has ended, at the price when it began. */
export function record(ledger: Ledger | undefined): Policy<Needs> {
  return (next) => {
    if (!ledger) return next
    return (call) => (call.bill ? recordAttempt(ledger, call.bill, next, call) : next(call))
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
  const usage = reservation?.assumed ?? unknownUsage(call)
  const assumed = { ...NOTHING, ...charged(usage, price?.bill(usage)) }
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

const NOTHING = { state: UsageState.UNKNOWN, saved: undefined, code: 0, reason: '', upstreamLatency: 0 } as const

function charged({ input, output, cachedInput, cacheWrite, reasoning }: Usage, cost: Bill | undefined) {
  return { tokens: { input, output, cachedInput, cacheWrite, reasoning }, cost }
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
    const { state, usage = NO_USAGE, cost } = attempt?.charged ?? NO_CHARGE
    // Budgets count nothing where the cost is not known.
    if (this.#reservation) this.#charge.shares = this.#reservation.settle(cost ? cost.input + cost.output : 0)
    return this.#bill.settle(this.#charge, {
      state,
      ...charged(usage, cost),
      saved: undefined,
      code: error ? codes[error.code] : 0,
      reason: error?.reason ?? '',
      upstreamLatency: attempt?.latency ?? 0,
    })
  }
}

const NO_USAGE: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: false }
