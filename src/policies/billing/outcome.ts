import type { AttemptCharge } from '../../domain/calls/call-record.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { codes } from '../../domain/errors/reasons.ts'
import type { Bill, ModelPrice, NanoDollars } from '../../domain/money.ts'
import type { ChargeOutcome } from '../../domain/ports/money/ledger.ts'
import { type Usage, UsageState } from '../../domain/types.ts'

const NO_USAGE: Usage = { $typeName: 'llmgateway.v1.Usage', estimated: false }

/** Until a charge that another call has begun is settled. */
export const NOT_CHARGED_YET: ChargeOutcome = {
  state: UsageState.NO_CHARGE,
  tokens: {},
  cost: { input: 0, output: 0 },
  saved: undefined,
  code: 0,
  reason: '',
  upstreamLatency: 0,
}

/** Recorded before a request is sent: what is charged if its end is never learned. */
export function unknownOutcome(usage: Usage, price: ModelPrice | undefined): ChargeOutcome {
  const end = { saved: undefined, code: 0, reason: '', upstreamLatency: 0 }
  return { state: UsageState.UNKNOWN, ...charged(usage, price?.bill(usage)), ...end }
}

/** Recorded when a request has ended. */
export function outcomeOf(
  { state, usage = NO_USAGE, cost }: AttemptCharge,
  error: GatewayError | undefined,
  upstreamLatency: number,
): ChargeOutcome {
  const code = error ? codes[error.code] : 0
  return { state, ...charged(usage, cost), saved: undefined, code, reason: error?.reason ?? '', upstreamLatency }
}

/** What budgets count; nothing where the cost is not known. */
export function nanoOf({ cost }: Pick<AttemptCharge, 'cost'>): NanoDollars {
  return cost ? cost.input + cost.output : 0
}

function charged({ input, output, cachedInput, cacheWrite, reasoning }: Usage, cost: Bill | undefined) {
  return { tokens: { input, output, cachedInput, cacheWrite, reasoning }, cost }
}
