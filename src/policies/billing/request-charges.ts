import type { Call } from '../../domain/calls/call.ts'
import type { AttemptCharge } from '../../domain/calls/call-record.ts'
import { sumOfCharges } from '../../domain/calls/charged-sum.ts'
import type { Reserved, Routed } from '../../domain/calls/facts.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { textTokens } from '../../domain/estimate.ts'
import type { ModelPrice } from '../../domain/money.ts'
import type { ObservedRequest, RequestObserver } from '../../domain/ports/provider.ts'
import type { Usage } from '../../domain/types.ts'
import { chargeOfLostRequest, chargeOfResponse } from './attempt-charge.ts'

/** Charges each request of one attempt, and records it where there is a ledger. */
export class RequestCharges implements RequestObserver {
  readonly #call: Call & Routed & Reserved
  /** Price when the attempt began. */
  readonly #price: ModelPrice | undefined
  readonly #charges: AttemptCharge[] = []

  constructor(call: Call & Routed & Reserved, price: ModelPrice | undefined) {
    this.#call = call
    this.#price = price
  }

  /** What the requests are charged together; undefined if there was none. */
  get charged(): AttemptCharge | undefined {
    return sumOfCharges(this.#charges)
  }

  async begin(inputs: readonly string[]): Promise<ObservedRequest> {
    const input = textTokens(inputs.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0))
    const assumed: Usage = { $typeName: 'llmgateway.v1.Usage', input, output: 0, total: input, estimated: true }
    const recorded = await this.#call.requests?.begin(assumed)
    const settle = (charged: AttemptCharge, error?: GatewayError) => {
      this.#charges.push(charged)
      recorded?.settle(charged, error)
    }
    return {
      answered: (usage, cost) => settle(chargeOfResponse({ usage, cost })),
      failed: (error, progress) =>
        settle(chargeOfLostRequest(this.#call, progress, error, assumed, this.#price), error),
    }
  }
}
