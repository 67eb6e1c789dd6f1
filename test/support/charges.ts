import type { Charge, ChargeFacts, ChargeOutcome } from '../../src/domain/ports/money/ledger.ts'
import { UsageState } from '../../src/domain/types.ts'

/** A charge of 10 input and 5 output tokens for 60 nano-dollars, with the facts and the outcome that matter. */
export function someCharge(facts: Partial<ChargeFacts> = {}, outcome: Partial<ChargeOutcome> = {}): Charge {
  return {
    facts: {
      callId: 'call',
      attempt: 1,
      part: 0,
      time: Date.UTC(2026, 10, 28, 12),
      operation: 'Chat',
      caller: 'someone',
      userId: '',
      sessionId: '',
      labels: {},
      alias: '',
      provider: 'one',
      model: 'm',
      keyId: '',
      priceVersion: 'v1',
      ...facts,
    },
    outcome: {
      state: UsageState.SETTLED,
      tokens: { input: 10, output: 5 },
      cost: { input: 10, output: 50 },
      saved: undefined,
      code: 0,
      reason: '',
      upstreamLatency: 12.5,
      ...outcome,
    },
    ending: undefined,
    shares: [],
  }
}
