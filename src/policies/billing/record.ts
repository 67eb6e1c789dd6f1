import type { Call } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Billed, CallCharges, Keyed, Reserved, Routed } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { codes, isOutcomeUnknown, type Reason } from '../../domain/errors/reasons.ts'
import { type Bill, type ModelPrice, type NanoDollars, nanoDollars } from '../../domain/money.ts'
import type { Charge, Ledger } from '../../domain/ports/ledger.ts'
import type { EventStream, Watcher } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, type EmbedFinish, finishOf } from '../../domain/streams/events.ts'
import { follow, type Handler } from '../../domain/streams/follow.ts'
import { AttemptOutcome, type Cost, type Usage, UsageState } from '../../domain/types.ts'

/** Output tokens that are charged for an attempt whose end is unknown, unless the call allows fewer. */
const UNKNOWN_OUTPUT = 1_000

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
  const { target, key, context } = call
  const { price } = target.provider.describe(target.model)
  const usage = call.reservation?.assumed ?? unknownUsage(call)
  const assumed = { ...NOTHING, ...charged(usage, price?.bill(usage)) }
  const charge = bill.begin({ target, keyId: key?.keyId ?? '' }, assumed)
  if (call.reservation) charge.shares = call.reservation.held()
  const index = context.record.attempts.length
  const watcher = new ChargeWatcher(bill, charge, call, price, () => context.record.attempts[index])
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

/** Usage that is assumed for an attempt whose outcome never becomes known. */
function unknownUsage({ operation, request, wishes, target, reservation }: Needs): Usage {
  const { promptTokens, mediaTokens } = operations[operation]
  const allowed = wishes.maxTokens ?? target.defaults.maxTokens ?? UNKNOWN_OUTPUT
  const output = Math.min(allowed, UNKNOWN_OUTPUT, reservation?.assumed.output ?? allowed)
  const input = promptTokens(request) + mediaTokens(request)
  return { $typeName: 'llmgateway.v1.Usage', input, output, total: input + output, estimated: true }
}

/** Settles the charge of one attempt when it ends. */
class ChargeWatcher implements Watcher<AnyEvent> {
  readonly #bill: CallCharges
  readonly #charge: Charge
  readonly #call: Needs
  /** Price when the attempt began. */
  readonly #price: ModelPrice | undefined
  /** Undefined until the attempt has begun, and for good if it was refused before that. */
  readonly #attempt: () => AttemptRecord | undefined
  #finish: EmbedFinish | undefined

  constructor(
    bill: CallCharges,
    charge: Charge,
    call: Needs,
    price: ModelPrice | undefined,
    attempt: () => AttemptRecord | undefined,
  ) {
    this.#bill = bill
    this.#charge = charge
    this.#call = call
    this.#price = price
    this.#attempt = attempt
  }

  event(event: AnyEvent): void {
    this.#finish = finishOf(event) ?? this.#finish
  }

  end(error?: GatewayError): void | Promise<void> {
    const attempt = this.#attempt()
    const end = {
      saved: undefined,
      code: error ? codes[error.code] : 0,
      reason: error?.reason ?? '',
      upstreamLatency: attempt?.latency ?? 0,
    }
    const outcome = error ? this.#afterFailure(error, attempt) : this.#afterSuccess()
    const { reservation } = this.#call
    if (reservation) this.#charge.shares = reservation.settle(costOf(outcome.cost))
    return this.#bill.settle(this.#charge, { ...end, ...outcome })
  }

  #afterSuccess() {
    const { usage, cost } = this.#finish ?? {}
    const estimated = usage?.estimated || cost?.estimated
    const state = estimated ? UsageState.ESTIMATED : UsageState.SETTLED
    return { state, ...charged(usage ?? NO_USAGE, cost && billOf(cost)) }
  }

  /** Nothing where the vendor generated nothing; else what it reported, or an estimate of what it did. */
  #afterFailure({ reason }: GatewayError, attempt: AttemptRecord | undefined) {
    const usage = attempt && attempt.outcome !== AttemptOutcome.SKIPPED ? this.#usageOf(attempt, reason) : undefined
    if (!usage) return { state: UsageState.NO_CHARGE, ...charged(NO_USAGE, { input: 0, output: 0 }) }
    return { state: UsageState.ESTIMATED, ...charged(usage, this.#price?.bill(usage)) }
  }

  #usageOf(attempt: AttemptRecord, reason: Reason): Usage | undefined {
    const runsOn = this.#runsOn()
    if (attempt.usage) return runsOn ? atLeast(attempt.usage, unknownUsage(this.#call)) : attempt.usage
    const mayHaveRun = isOutcomeUnknown(reason) || attempt.outcome === AttemptOutcome.CANCELLED
    if (!attempt.sent || !mayHaveRun) return undefined
    const usage = unknownUsage(this.#call)
    return runsOn ? usage : { ...usage, output: 0, total: usage.input }
  }

  /** Whether the vendor generates the whole response although the gateway has closed the connection. */
  #runsOn(): boolean {
    const { streamed, target } = this.#call
    return !streamed || target.provider.onCancel === 'runs_on'
  }
}

/** What budgets count; nothing where the cost is not known. */
function costOf(cost: Bill | undefined): NanoDollars {
  return cost ? cost.input + cost.output : 0
}

const NO_USAGE: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: false }

function billOf({ inputUsd, outputUsd }: Cost): Bill {
  return { input: nanoDollars(inputUsd), output: nanoDollars(outputUsd) }
}

/** `usage` with at least the output of `expected`. */
function atLeast(usage: Usage, expected: Usage): Usage {
  const output = Math.max(usage.output ?? 0, expected.output ?? 0)
  return { ...usage, output, total: (usage.input ?? 0) + output, estimated: true }
}
