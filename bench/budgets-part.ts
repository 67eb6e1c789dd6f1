import type { ChatEvent, ChatRequest } from '../gen/llmgateway/v1/chat_pb.js'
import type { BudgetRule } from '../src/domain/budgets/budget-rule.ts'
import type { Call } from '../src/domain/calls/call.ts'
import type { Authenticated, Billed, Keyed, Planned, Routed, Shared, Target } from '../src/domain/calls/facts.ts'
import type { Provider } from '../src/domain/ports/provider.ts'
import type { Handler } from '../src/domain/streams/follow.ts'
import { built } from './built.ts'
import { callsOf } from './instant-calls.ts'
import type { Part } from './parts.ts'

export const BUDGETS = 'three budgets in memory'

type RoutedCall = Call<ChatRequest> & Authenticated & Planned & Billed & Shared & Routed & Keyed

/** Budgets that are far from their limits: of all calls, of the provider and of the caller. */
export async function budgetsInMemory(): Promise<Part> {
  const { reserve } = await built<typeof import('../src/policies/budgets/reserve.ts')>('policies/budgets/reserve')
  const { BudgetIndex, spenderOf } = await built<typeof import('../src/policies/budgets/budget-index.ts')>(
    'policies/budgets/budget-index',
  )
  const { budgetTrailers } = await built<typeof import('../src/policies/budgets/budget-trailers.ts')>(
    'policies/budgets/budget-trailers',
  )
  const { MemoryBudgets } = await built<typeof import('../src/stores/budgets/memory-budgets.ts')>(
    'stores/budgets/memory-budgets',
  )
  const { Estimator } = await built<typeof import('../src/policies/estimating/estimator.ts')>(
    'policies/estimating/estimator',
  )
  const { priceOf, ratesOf } = await built<typeof import('../src/providers/prices/rates.ts')>('providers/prices/rates')
  const { systemClock: clock } = await built<typeof import('../src/domain/clock.ts')>('domain/clock')
  const { defaultBudget } =
    await built<typeof import('../src/domain/budgets/budget-rule.ts')>('domain/budgets/budget-rule')
  const world = await callsOf()
  const rules = (['global', 'provider', 'caller'] as const).map(
    (scope): BudgetRule => ({ ...defaultBudget, name: scope, scope, labels: {}, limit: 1e15, window: 'month' }),
  )
  const events = { refused() {}, avoided() {}, overrun() {} }
  const budgets = { index: new BudgetIndex(rules), budgets: new MemoryBudgets(rules, clock), events }
  const price = priceOf(ratesOf({ input_mtok: 0.15, output_mtok: 0.6 }))
  const provider = { name: 'house', describe: () => ({ price }) } as unknown as Provider // what the policy looks at
  const target: Target = { provider, model: 'm', defaults: {} }
  const caller = { id: 'key:bench', name: 'bench', admin: false }
  const facts = { caller, target, bill: undefined, payers: undefined, key: undefined }
  const route = { firstEventBy: Number.POSITIVE_INFINITY, fallback: false, warnings: [] }
  const routed =
    (handler: Handler<RoutedCall, ChatEvent>): Handler<Call<ChatRequest> & Planned, ChatEvent> =>
    (call) =>
      handler({ ...call, ...facts, ...route })
  const reserving = reserve({ budgets, estimator: new Estimator(), clock })<RoutedCall, ChatEvent>(world.answer)
  const counted: Handler<RoutedCall, ChatEvent> = async (call) => {
    const events = await reserving(call)
    budgetTrailers(budgets, spenderOf(call), clock)
    return events
  }
  return {
    name: BUDGETS,
    without: () => world.ask(routed(world.answer)),
    with: () => world.ask(routed(counted)),
  }
}
