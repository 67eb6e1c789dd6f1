import { expect, it } from 'vitest'
import type { Hold } from '../../../src/domain/ports/money/budgets.ts'
import { MemoryBudgets } from '../../../src/stores/budgets/memory-budgets.ts'
import { budget } from '../../support/budget-world.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function held(result: ReturnType<MemoryBudgets['reserve']>): Hold {
  if (result.refusedBy) throw new Error(`refused by ${result.refusedBy.budget}`)
  return result
}

const sum = (budgets: MemoryBudgets) => budgets.list().map(({ spent, reserved, limit }) => ({ spent, reserved, limit }))

it('begins with what the ledger knows of its windows', () => {
  const clock = new FakeClock()
  const rule = budget({ name: 'month', window: 'month', limit: 100 })
  const budgets = new MemoryBudgets([rule, budget({ name: 'new', limit: 5 })], clock)
  const month = budgets.oldestStart()
  budgets.restore([
    { budget: 'month', subject: '', windowStart: month, nano: 60n, adjusted: 10n },
    // The budget was one for each day before.
    { budget: 'month', subject: '', windowStart: month + DAY, nano: 5n, adjusted: 0n },
    { budget: 'month', subject: '', windowStart: month - DAY, nano: 1_000n, adjusted: 0n },
    { budget: 'renamed', subject: '', windowStart: month, nano: 1_000n, adjusted: 0n },
  ])
  const first = { spent: 65, reserved: 0, limit: 110 }
  expect(sum(budgets)).toEqual([first, { spent: 0, reserved: 0, limit: 5 }])
  expect(budgets.reserve({ id: '1', keys: [{ rule, subject: '' }], amount: 46, least: 46 }).refusedBy?.budget).toBe(
    'month',
  )
})

it('reserves in all budgets or in none', () => {
  const [wide, tight] = [budget({ name: 'wide', limit: 100 }), budget({ name: 'tight', limit: 10 })]
  const budgets = new MemoryBudgets([wide, tight], new FakeClock())
  const keys = [wide, tight].map((rule) => ({ rule, subject: '' }))
  expect(budgets.reserve({ id: '1', keys, amount: 50, least: 20 }).refusedBy?.budget).toBe('tight')
  expect(sum(budgets).map(({ reserved }) => reserved)).toEqual([0, 0])
  const hold = held(budgets.reserve({ id: '2', keys, amount: 50, least: 5 }))
  expect(hold).toMatchObject({ amount: 10, headroom: 10, tightest: { budget: 'tight' } })
  expect(hold.extend(5)).toMatchObject({ added: 0, refusedBy: { budget: 'tight' } })
  hold.settle(7)
  hold.settle(7)
  expect(sum(budgets).map(({ spent, reserved }) => [spent, reserved])).toEqual([
    [7, 0],
    [7, 0],
  ])
})

it('extends by what is left', () => {
  const rule = budget({ name: 'b', limit: 100 })
  const budgets = new MemoryBudgets([rule], new FakeClock())
  const hold = held(budgets.reserve({ id: '1', keys: [{ rule, subject: '' }], amount: 80, least: 1 }))
  expect(hold.extend(50)).toMatchObject({ added: 20, refusedBy: { budget: 'b' } })
  expect(hold.amount).toBe(100)
  hold.settle(100)
  expect(hold.extend(1)).toMatchObject({ added: 0 })
})

it('forgets subjects of ended windows', async () => {
  const clock = new FakeClock()
  const rule = budget({ name: 'users', scope: 'user', limit: 100 })
  const budgets = new MemoryBudgets([rule], clock)
  held(budgets.reserve({ id: '1', keys: [{ rule, subject: 'web/u' }], amount: 10, least: 1 })).settle(5)
  expect(budgets.list()).toMatchObject([{ subject: 'web/u', spent: 5 }])
  expect(budgets.statusOf([{ rule, subject: 'web/other' }])).toMatchObject([{ spent: 0, limit: 100 }])
  await clock.advance(DAY)
  expect(budgets.list()).toEqual([])
})
