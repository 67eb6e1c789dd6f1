import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BudgetRule, defaultBudget } from '../../src/domain/budgets/budget-rule.ts'
import type { Behaviour } from '../support/metered-vendor.ts'
import { addTo, auditBooks, auditBudgets, auditEndings, auditLimits, type Tally } from '../support/money-audit.ts'
import { type MoneyPlan, MoneyWorld, type Question } from '../support/money-world.ts'

/*
 * Whatever callers and vendors do, under whatever budgets: the ledger has what the vendors are to be paid, each budget
 * has what the ledger has of it, none that refuses calls is overspent, and at rest nothing is reserved or open.
 */

const MILLION = 1_000_000

const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 200, 200, 200, 200, 400, 401, 429, 500),
  pieces: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 10, max: 60 })),
  ending: fc.constantFrom('done', 'done', 'done', 'done', 'cut', 'error', 'break', 'stall', 'garbage'),
  wait: fc.constantFrom(0, 1, 20, 50, 700),
})

const question: fc.Arbitrary<Question> = fc.record({
  targets: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 3 }),
  allowReset: fc.boolean(),
  maxTokens: fc.constantFrom(undefined, undefined, 500, 2_500),
})

const plan: fc.Arbitrary<MoneyPlan> = fc.record({
  operation: fc.constantFrom(
    'chat',
    'stream_chat',
    'stream_chat',
    'stream_chat',
    'stream_chat',
    'complete',
    'stream_complete',
    'embed',
    'batch',
  ),
  caller: fc.constantFrom('ann', 'bob', 'cid'),
  userId: fc.constantFrom('', 'u1', 'u2'),
  asks: fc.integer({ min: 0, max: 2 }),
  arrives: fc.constantFrom(0, 0, 3, 60, 9_990, 20_000),
  leaves: fc.option(fc.constantFrom(0, 1, 51, 200, 5_000), { freq: 3 }),
  isLost: fc.boolean(),
  timeout: fc.constantFrom(undefined, undefined, undefined, undefined, 40, 5_000),
  isOpen: fc.constantFrom(true, true, true, false),
  isKeyed: fc.constantFrom(true, false, false, false),
})

const kind = {
  limit: fc.constantFrom(2 * MILLION, 4 * MILLION, 5 * MILLION, 8 * MILLION, 30 * MILLION, 1_000 * MILLION),
  action: fc.constantFrom('refuse', 'refuse', 'refuse', 'refuse', 'avoid', 'alert'),
  reserve: fc.constantFrom('typical', 'typical', 'typical', 'worst'),
  fit: fc.constantFrom(true, true, false),
  window: fc.constantFrom('day', 'total'),
} as const

/** None, or one whose days begin at 23:00 UTC. */
function budget(name: string, scope: BudgetRule['scope'], match?: string): fc.Arbitrary<readonly BudgetRule[]> {
  const rule = fc.record(kind).map(
    (facts): BudgetRule => ({
      ...defaultBudget,
      ...facts,
      name,
      scope,
      match,
      labels: {},
      timeZone: 'Etc/GMT-1',
    }),
  )
  return fc.option(
    rule.map((rule) => [rule]),
    { nil: [], freq: 2 },
  )
}

type Facts = ConstructorParameters<typeof MoneyWorld>[0] & { readonly plans: readonly MoneyPlan[] }

/** Anything at all. */
const mixed: fc.Arbitrary<Facts> = fc.record({
  behaviours: fc.array(behaviour, { minLength: 1, maxLength: 20 }),
  questions: fc.array(question, { minLength: 4, maxLength: 4 }),
  plans: fc.array(plan, { minLength: 6, maxLength: 16 }),
  isCached: fc.constantFrom(true, true, false),
  hits: fc.constantFrom('rollup', 'rows'),
  delay: fc.constantFrom(0, 0, 2, 30),
  most: fc.integer({ min: 1, max: 6 }),
  rules: fc
    .tuple(
      budget('all', 'global'),
      budget('of-p0', 'provider', 'p0'),
      budget('of-callers', 'caller'),
      budget('of-ann', 'caller', 'ann'),
      budget('of-users', 'user'),
    )
    .map((rules) => rules.flat()),
})

/** Long streams that callers share, while other calls of theirs spend what their budgets bear. */
const crowded: fc.Arbitrary<Facts> = fc
  .record({
    long: fc.array(fc.integer({ min: 15, max: 60 }), { minLength: 3, maxLength: 8 }),
    plans: fc.array(plan, { minLength: 6, maxLength: 16 }),
    arrivals: fc.array(fc.constantFrom(0, 3, 60, 300, 900), { minLength: 16, maxLength: 16 }),
    limit: fc.integer({ min: 2 * MILLION, max: 6 * MILLION }),
    allowReset: fc.boolean(),
    hits: fc.constantFrom('rollup' as const, 'rows' as const),
    delay: fc.constantFrom(0, 0, 2, 30),
  })
  .map(({ long, plans, arrivals, limit, allowReset, hits, delay }) => ({
    behaviours: long.map((pieces, at) => ({
      status: 200,
      pieces,
      ending: at === 0 ? ('break' as const) : ('done' as const),
      wait: 20,
    })),
    questions: [0, 1, 2, 3].map(() => ({ targets: [0, 2], allowReset, maxTokens: undefined })),
    plans: plans.map((plan, at) => ({
      ...plan,
      operation: 'stream_chat' as const,
      arrives: arrivals[at] ?? 0,
      timeout: undefined,
    })),
    isCached: true,
    hits,
    delay,
    most: 10,
    rules: [{ ...defaultBudget, name: 'of-callers', scope: 'caller', labels: {}, limit, window: 'total' }],
  }))

test('the ledger and the budgets agree with the books of the vendors', async () => {
  const tally: Tally = { estimated: 0, refused: 0, cut: 0, takenOver: 0, replayed: 0, hits: 0 }
  await fc.assert(
    fc.asyncProperty(fc.oneof(mixed, crowded), async ({ plans, rules, ...facts }) => {
      const world = new MoneyWorld({ rules, ...facts })
      await world.live(plans)
      auditEndings(world, plans.length)
      auditBooks(
        world,
        rules.some(({ scope, action }) => scope === 'global' && action === 'refuse'),
      )
      auditBudgets(world, rules, facts.delay)
      // While budgets that are elsewhere are asked for more, a stream goes on.
      if (facts.delay === 0) auditLimits(world, rules)
      addTo(tally, world)
    }),
    { numRuns: 600 },
  )
  for (const [what, count] of Object.entries(tally)) expect(count, what).toBeGreaterThan(10)
}, 600_000)
