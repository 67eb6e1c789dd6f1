import { expect, test } from 'vitest'
import { defaultBudget } from '../../../src/domain/budgets/budget-rule.ts'
import type { BudgetCrossing, BudgetLevel } from '../../../src/domain/ports/money/budget-level.ts'
import type { BudgetStatus } from '../../../src/domain/ports/money/budgets.ts'
import { BudgetReporter, type SettledSum } from '../../../src/policies/budgets/budget-reporter.ts'

/** What is reported while a budget of 10 is spent, as thresholds; `exceeded` where it is. */
function reports(thresholds: readonly number[], ...sums: readonly number[]): readonly (number | 'exceeded')[] {
  const reported: (number | 'exceeded')[] = []
  const reporter = new BudgetReporter(
    {
      budgetThreshold: ({ threshold }: BudgetCrossing) => void reported.push(threshold),
      budgetExceeded: (_level: BudgetLevel) => void reported.push('exceeded'),
      providerAvoided() {},
      budgetOverrun() {},
    },
    thresholds,
  )
  const sum: SettledSum & { spent: number } = {
    spent: 0,
    limit: 10,
    announced: 0,
    status: (): BudgetStatus => ({
      key: {
        rule: { ...defaultBudget, name: 'all', scope: 'global', labels: {}, limit: 10, window: 'day' },
        subject: '',
      },
      budget: 'all',
      scope: 'global',
      subject: '',
      window: 'day',
      windowStart: 1,
      resetsAt: 2,
      spent: sum.spent,
      reserved: 0,
      limit: 10,
      adjusted: 0,
    }),
  }
  for (const spent of sums) {
    sum.spent = spent
    reporter.settled(sum)
  }
  return reported
}

test.each<[string, thresholds: number[], sums: number[], (number | 'exceeded')[]]>([
  ['each threshold once', [0.5, 0.8, 1], [1, 5, 6, 8, 9, 10, 11], [0.5, 0.8, 1, 'exceeded']],
  ['only the highest of several', [0.5, 0.8, 1], [9], [0.8]],
  ['a spent limit also where it is no threshold', [0.5], [5, 9, 10, 12], [0.5, 'exceeded']],
  ['a spent limit at once', [0.5, 0.8], [12], [0.8, 'exceeded']],
  ['thresholds above the limit', [1.5], [10, 14, 15], ['exceeded', 1.5]],
])('reports %s', (_name, thresholds, sums, expected) => {
  expect(reports(thresholds, ...sums)).toEqual(expected)
})
