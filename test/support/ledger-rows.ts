import type { Charge } from '../../src/domain/ports/money/ledger.ts'
import type { UsageSelection } from '../../src/domain/ports/money/ledger-queries.ts'
import { UsageState } from '../../src/domain/types.ts'

/** A charge of a call that was answered at its first attempt, with what a test changes. */
export function charge(
  facts: Partial<Charge['facts']> = {},
  outcome: Partial<Charge['outcome']> = {},
  rest: Partial<Pick<Charge, 'ending' | 'shares'>> = {},
): Charge {
  return {
    facts: {
      callId: 'call-1',
      attempt: 1,
      part: 0,
      time: Date.UTC(2026, 10, 28, 13, 30),
      operation: 'Chat',
      caller: 'web',
      userId: '',
      sessionId: '',
      labels: {},
      alias: '',
      provider: 'openai',
      model: 'gpt-5',
      keyId: 'openai-1',
      priceVersion: 'v1',
      ...facts,
    },
    outcome: {
      state: UsageState.SETTLED,
      tokens: { input: 10, output: 5 },
      cost: { input: 1_000, output: 2_000 },
      saved: undefined,
      code: 0,
      reason: '',
      upstreamLatency: 12.5,
      ...outcome,
    },
    ending: 'ending' in rest ? rest.ending : { code: 0, reason: '', latency: 20 },
    shares: rest.shares ?? [],
  }
}

/** Selects everything, but for what a test changes. */
export function selection(changes: Partial<UsageSelection> = {}): UsageSelection {
  return {
    start: undefined,
    end: Number.MAX_SAFE_INTEGER,
    provider: '',
    model: '',
    alias: '',
    caller: '',
    onlyCaller: undefined,
    userId: '',
    sessionId: '',
    operation: '',
    labels: {},
    states: [],
    failed: false,
    finalOnly: false,
    ...changes,
  }
}
