import type { Call } from '../../domain/calls/call.ts'
import type { AttemptCharge } from '../../domain/calls/call-record.ts'
import type {
  Billed,
  CallCharges,
  Keyed,
  RecordedRequest,
  RequestRecorder,
  Reserved,
  Routed,
} from '../../domain/calls/facts.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { ModelPrice, NanoDollars } from '../../domain/money.ts'
import { type Charge, type Ledger, NO_SHARES } from '../../domain/ports/money/ledger.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, type EmbedFinish, finishOf } from '../../domain/streams/events.ts'
import type { Usage } from '../../domain/types.ts'
import { chargeOfResponse, NO_CHARGE } from './attempt-charge.ts'
import { nanoOf, outcomeOf, unknownOutcome } from './outcome.ts'

type Needs = Call & Billed & Routed & Keyed & Reserved

const NO_USAGE: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: true }

/** Records each request of one attempt in the ledger. An attempt without a request has one record all the same. */
export class RequestRecords implements RequestRecorder, Watcher<AnyEvent> {
  readonly #ledger: Ledger
  readonly #bill: CallCharges
  readonly #call: Needs
  /** Price when the attempt began. */
  readonly #price: ModelPrice | undefined
  #begun = 0
  /** What the requests that have ended cost together. */
  #spent: NanoDollars = 0
  #finish: EmbedFinish | undefined

  constructor(ledger: Ledger, bill: CallCharges, call: Needs) {
    this.#ledger = ledger
    this.#bill = bill
    this.#call = call
    this.#price = call.target.provider.describe(call.target.model).price
  }

  async begin(assumed: Usage): Promise<RecordedRequest> {
    const charge = this.#open(assumed)
    const { record, cancellation } = this.#call.context
    const began = record.elapsed()
    try {
      await this.#ledger.begin(charge)
      cancellation.throwIfCancelled()
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      void this.#settle(charge, NO_CHARGE, error, 0)
      throw error
    }
    return {
      settle: (charged, error) => void this.#settle(charge, charged, error, record.elapsed() - began),
    }
  }

  event(event: AnyEvent): void {
    this.#finish = finishOf(event) ?? this.#finish
  }

  end(error?: GatewayError): void | Promise<void> {
    const settled =
      this.#begun > 0
        ? undefined
        : this.#settle(this.#open(NO_USAGE), error ? NO_CHARGE : chargeOfResponse(this.#finish ?? {}), error, 0)
    this.#call.reservation?.settle(this.#spent)
    return settled
  }

  #open(assumed: Usage): Charge {
    const { target, key } = this.#call
    const outcome = unknownOutcome(assumed, this.#price)
    const charge = this.#bill.begin({ target, keyId: key?.keyId ?? '' }, outcome, this.#begun++)
    charge.shares = this.#shares(nanoOf(outcome))
    return charge
  }

  #settle(
    charge: Charge,
    charged: AttemptCharge,
    error: GatewayError | undefined,
    latency: number,
  ): void | Promise<void> {
    const outcome = outcomeOf(charged, error, latency)
    const nano = nanoOf(outcome)
    this.#spent += nano
    charge.shares = this.#shares(nano)
    return this.#bill.settle(charge, outcome)
  }

  /** The budgets of the attempt, each with what one request costs. */
  #shares(nano: NanoDollars): Charge['shares'] {
    return this.#call.reservation?.held().map((share) => ({ ...share, nano })) ?? NO_SHARES
  }
}
