import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import type { Hold } from '../../../src/domain/ports/money/budgets.ts'
import {
  AdjustBudgetRequestSchema,
  BudgetAction,
  BudgetScope,
  BudgetState,
  BudgetWindow,
  ListBudgetsRequestSchema,
} from '../../../src/domain/types.ts'
import { createBudgetBoard } from '../../../src/policies/budgets/budget-board.ts'
import { BudgetIndex } from '../../../src/policies/budgets/budget-index.ts'
import { budgetTrailers } from '../../../src/policies/budgets/budget-trailers.ts'
import { createAdjustBudget, createListBudgets, statsFor } from '../../../src/service/methods/money/budgets.ts'
import { MemoryBudgets } from '../../../src/stores/budgets/memory-budgets.ts'
import { budget } from '../../support/budget-world.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { statsWith } from '../../support/provider-world.ts'

const rules = [
  budget({ name: 'all', limit: 10e9, window: 'total', action: 'avoid' }),
  budget({ name: 'callers', scope: 'caller' }),
  budget({ name: 'users', scope: 'user', limit: 2e9 }),
  budget({ name: 'teams', scope: 'label', labels: { team: '*' } }),
]

const admin = { id: 'operator', name: 'operator', admin: true }
const web = { id: 'web', name: 'web', admin: false }

/** Web spent 0.9 USD and holds 0.05; another caller spent 1 USD. */
function world() {
  const clock = new FakeClock()
  const index = new BudgetIndex(rules)
  const budgets = new MemoryBudgets(rules, clock)
  const spend = (caller: string, userId: string, nano: number) => {
    const keys = index.keysOf({ caller, userId, labels: {} }, 'vendor')
    const hold = budgets.reserve({ id: `${caller}-${nano}`, keys, amount: nano, least: 1 }) as Hold
    return hold
  }
  spend('web', 'u1', 0.9e9).settle(0.9e9)
  spend('web', 'u1', 0.05e9)
  spend('app', 'u2', 1e9).settle(1e9)
  const board = createBudgetBoard(index, budgets)
  const list = createListBudgets(board)
  const adjust = createAdjustBudget(board)
  return { clock, index, budgets, board, list, adjust }
}

const listing = (fields: object = {}) => create(ListBudgetsRequestSchema, fields)
const adjusting = (fields: object) => create(AdjustBudgetRequestSchema, fields)

describe('ListBudgets', () => {
  it('lists all of them to admins', async () => {
    const { list } = world()
    const { budgets } = await list(listing(), undefined, admin)
    expect(budgets.map(({ name, subject }) => `${name}:${subject}`)).toEqual([
      'all:',
      'callers:app',
      'callers:web',
      'users:app/u2',
      'users:web/u1',
    ])
    expect(budgets[0]).toMatchObject({
      scope: BudgetScope.GLOBAL,
      spentUsd: 1.9,
      reservedUsd: 0.05,
      limitUsd: 10,
      window: BudgetWindow.TOTAL,
      action: BudgetAction.AVOID,
      state: BudgetState.OK,
    })
    expect(budgets[0]?.resetsAt).toBeUndefined()
    expect(budgets[1]).toMatchObject({ state: BudgetState.EXCEEDED, window: BudgetWindow.DAY })
    expect(budgets[2]).toMatchObject({ state: BudgetState.WARNING, spentUsd: 0.9, reservedUsd: 0.05 })
    expect(budgets[2]?.resetsAt).toBeDefined()
  })

  it('lists to a caller its own and those of its users', async () => {
    const { list } = world()
    const { budgets } = await list(listing(), undefined, web)
    expect(budgets.map(({ name, subject }) => `${name}:${subject}`)).toEqual(['callers:web', 'users:web/u1'])
    const none = await list(listing({ name: 'all' }), undefined, web)
    expect(none.budgets).toEqual([])
    const unused = await list(listing(), undefined, { id: 'new', name: 'new', admin: false })
    expect(unused.budgets).toMatchObject([{ name: 'callers', subject: 'new', spentUsd: 0 }])
  })

  it('lists to a caller whose name has a slash what its users spent', async () => {
    const { list, index, budgets } = world()
    const keys = index.keysOf({ caller: 'team/web', userId: 'u1', labels: {} }, 'vendor')
    budgets.hold(keys, 1).settle(1)
    const { budgets: own } = await list(listing({ name: 'users' }), undefined, { ...web, name: 'team/web' })
    expect(own).toMatchObject([{ subject: 'team%2Fweb/u1' }])
  })

  it('has pages', async () => {
    const { list } = world()
    const seen: string[] = []
    let pageToken = ''
    do {
      const page = await list(listing({ pageSize: 2, pageToken }), undefined, admin)
      seen.push(...page.budgets.map(({ subject }) => subject))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(seen).toEqual(['', 'app', 'web', 'app/u2', 'web/u1'])
    await expect(list(listing({ pageToken: 'x' }), undefined, admin)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
    })
    await expect(list(listing({ name: 'nope' }), undefined, admin)).rejects.toMatchObject({
      reason: 'BUDGET_NOT_FOUND',
    })
  })

  it('is empty, and has no names, without budgets', async () => {
    const list = createListBudgets(undefined)
    expect((await list(listing(), undefined, admin)).budgets).toEqual([])
    await expect(list(listing({ name: 'all' }), undefined, admin)).rejects.toMatchObject({ reason: 'BUDGET_NOT_FOUND' })
  })
})

describe('AdjustBudget', () => {
  it('adds to the limit until the window ends', async () => {
    const { adjust, clock, list } = world()
    const { budget: adjusted } = await adjust(adjusting({ name: 'callers', subject: 'app', addUsd: 0.5 }))
    expect(adjusted).toMatchObject({ limitUsd: 1.5, adjustedUsd: 0.5, spentUsd: 1, state: BudgetState.OK })
    await adjust(adjusting({ name: 'callers', subject: 'app', addUsd: -0.25 }))
    const { budgets } = await list(listing({ name: 'callers' }), undefined, admin)
    expect(budgets[0]).toMatchObject({ limitUsd: 1.25, adjustedUsd: 0.25 })
    await clock.advance(86_400_000)
    expect((await list(listing({ name: 'callers' }), undefined, admin)).budgets).toEqual([])
  })

  it.each([
    [{ name: '', addUsd: 1 }, 'INVALID_REQUEST'],
    [{ name: 'all', addUsd: 0 }, 'INVALID_REQUEST'],
    [{ name: 'all', addUsd: Number.NaN }, 'INVALID_REQUEST'],
    [{ name: 'all', addUsd: Number.POSITIVE_INFINITY }, 'INVALID_REQUEST'],
    [{ name: 'nope', addUsd: 1 }, 'BUDGET_NOT_FOUND'],
    [{ name: 'all', subject: 'web', addUsd: 1 }, 'BUDGET_NOT_FOUND'],
    [{ name: 'callers', addUsd: 1 }, 'BUDGET_NOT_FOUND'],
    [{ name: 'all', addUsd: 1.1e9 }, 'INVALID_REQUEST'],
    [{ name: 'users', subject: 'web', addUsd: 1 }, 'BUDGET_NOT_FOUND'],
    [{ name: 'users', subject: 'web/u1/u2', addUsd: 1 }, 'BUDGET_NOT_FOUND'],
    [{ name: 'teams', subject: 'color=red', addUsd: 1 }, 'BUDGET_NOT_FOUND'],
  ])('refuses %j', async (fields, reason) => {
    await expect(world().adjust(adjusting(fields))).rejects.toMatchObject({ reason })
  })

  it('takes away at most the whole limit, and adds a bounded amount in a window', async () => {
    const { adjust, index, budgets, clock } = world()
    const to = (addUsd: number) => adjust(adjusting({ name: 'callers', subject: 'web', addUsd }))
    expect((await to(-5)).budget).toMatchObject({ limitUsd: 0, adjustedUsd: -5, state: BudgetState.EXCEEDED })
    const parts = { index, budgets, events: { refused() {}, avoided() {}, overrun() {} } }
    expect(budgetTrailers(parts, { caller: 'web', userId: '', labels: {} }, clock)).toMatchObject({
      'budget-limit-usd': '0',
      'budget-remaining-usd': '0',
    })
    expect((await to(5)).budget).toMatchObject({ limitUsd: 1, adjustedUsd: 0 })
    await to(1e9)
    await expect(to(1)).rejects.toMatchObject({ reason: 'INVALID_REQUEST' })
  })

  it('takes subjects as they are written', async () => {
    const { adjust } = world()
    for (const [name, subject] of [
      ['all', ''],
      ['users', 'web/u9'],
      ['teams', 'team=red'],
    ] as const) {
      expect((await adjust(adjusting({ name, subject, addUsd: 1 }))).budget).toMatchObject({ subject, adjustedUsd: 1 })
    }
  })
})

it('statistics show the budgets that a caller may see', () => {
  const { board } = world()
  expect(statsFor(statsWith(), board, web).snapshot().budgets).toMatchObject([{ name: 'callers' }, { name: 'users' }])
  expect(statsFor(statsWith(), board, admin).snapshot().budgets).toHaveLength(5)
  expect(statsFor(statsWith(), undefined, admin).snapshot().budgets).toEqual([])
})

it('trailers show the nearest budget of a caller or its user', () => {
  const { index, budgets, clock } = world()
  const parts = { index, budgets, events: { refused() {}, avoided() {}, overrun() {} } }
  const trailers = budgetTrailers(parts, { caller: 'web', userId: 'u1', labels: { team: 'red' } }, clock)
  expect(trailers).toEqual({
    'budget-limit-usd': '1',
    'budget-remaining-usd': '0.05',
    'budget-reset': expect.stringMatching(/^\d+$/),
  })
  const other = new BudgetIndex([rules[0] ?? budget({ name: 'none' })])
  expect(budgetTrailers({ ...parts, index: other }, { caller: 'web', userId: '', labels: {} }, clock)).toBeUndefined()
})
