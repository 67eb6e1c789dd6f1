import { create } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import type { CostSums, LedgerQueries } from '../../../src/domain/ports/money/ledger-queries.ts'
import { CostGroup, ListUsageRequestSchema } from '../../../src/domain/types.ts'
import { sumsByCaller } from '../../../src/service/methods/money/caller-sums.ts'
import { selectionOf } from '../../../src/service/methods/money/usage-selection.ts'

const MAX_ROWS = 3
const users: Readonly<Record<string, readonly string[]>> = { a: ['1', '2'], b: ['1', '2', '3'], c: ['1'], d: ['1'] }

const sums = (keys: readonly string[]): CostSums => ({
  keys,
  calls: 1,
  errors: 0,
  cachedCalls: 0,
  unpricedCalls: 0,
  input: 0n,
  output: 0n,
  cachedInput: 0n,
  cacheWrite: 0n,
  reasoning: 0n,
  cost: 0n,
  saved: 0n,
})

/** A ledger whose summaries by user have at most three rows. */
const queries: LedgerQueries = {
  async summarize({ caller }, { groups }) {
    const callers = Object.keys(users).filter((name) => caller === '' || name === caller)
    if (!groups.includes(CostGroup.USER)) {
      return { rows: callers.reverse().map((name) => sums([name])), total: sums([]), truncated: false }
    }
    const rows = callers.flatMap((name) => (users[name] ?? []).map((user) => sums([name, user])))
    return { rows: rows.slice(0, MAX_ROWS), total: sums([]), truncated: rows.length > MAX_ROWS }
  },
  list: () => Promise.reject(new Error('not asked')),
}

const selection = selectionOf(create(ListUsageRequestSchema), { id: 'ops', name: 'ops', admin: true }, 0)
const found = async (from: string | undefined, enough: number) =>
  (await sumsByCaller({ queries, selection, timeZone: 'UTC', from, enough })).map(({ keys }) => keys.join(''))

it('lists all users although one summary cannot hold them', async () => {
  expect(await found(undefined, 100)).toEqual(['a1', 'a2', 'b1', 'b2', 'b3', 'c1', 'd1'])
  expect(await found('c', 100)).toEqual(['c1', 'd1'])
})

it('asks for no more callers than a page needs', async () => {
  expect(await found(undefined, 4)).toEqual(['a1', 'a2', 'b1', 'b2', 'b3'])
})
