import { expect, it } from 'vitest'
import type { BudgetBook } from '../../../src/domain/ports/money/ledger-books.ts'
import { MemoryBudgets } from '../../../src/stores/budgets/memory-budgets.ts'
import { restoreBudgets } from '../../../src/stores/budgets/restore-budgets.ts'
import { budget } from '../../support/budget-world.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const [hard, soft] = [budget({ name: 'hard', limit: 100 }), budget({ name: 'soft', limit: 100, action: 'alert' })]

function reserving(budgets: MemoryBudgets, rule = hard) {
  return () => budgets.reserve({ id: '1', keys: [{ rule, subject: '' }], amount: 10, least: 10 })
}

it('refuses calls under budgets that refuse until the ledger says what was spent', async () => {
  const clock = new FakeClock()
  const budgets = new MemoryBudgets([hard, soft], clock)
  const windowStart = budgets.oldestStart()
  const reports: unknown[] = []
  let isReadable = false
  const book: BudgetBook = {
    spentBudgets: async (since) => {
      if (!isReadable) throw new Error('the database is gone')
      expect(since).toBe(windowStart)
      return [{ budget: 'hard', subject: '', windowStart, nano: 95n, adjusted: 0n }]
    },
    adjustBudget: async () => 0n,
  }
  const close = await restoreBudgets(budgets, book, { clock, report: (error) => reports.push(error) })
  expect(reserving(budgets)).toThrow(expect.objectContaining({ reason: 'BUDGETS_UNAVAILABLE' }))
  expect(reserving(budgets, soft)).not.toThrow()
  await clock.advance(3_000)
  expect(reports).toHaveLength(1)
  isReadable = true
  await clock.advance(1_000)
  expect(reserving(budgets)()).toMatchObject({ refusedBy: { spent: 95 } })
  close()
})

it('ends its attempts when it is closed', async () => {
  const clock = new FakeClock()
  let reads = 0
  const book: BudgetBook = {
    spentBudgets: async () => {
      reads++
      throw new Error('the database is gone')
    },
    adjustBudget: async () => 0n,
  }
  const close = await restoreBudgets(new MemoryBudgets([hard], clock), book, { clock, report() {} })
  close()
  await clock.advance(10_000)
  expect(reads).toBe(1)
})
