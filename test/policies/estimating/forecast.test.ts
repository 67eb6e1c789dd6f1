import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { EstimateRequestSchema, Role, TokenSource } from '../../../src/domain/types.ts'
import { BudgetIndex } from '../../../src/policies/budgets/budget-index.ts'
import { createEstimate } from '../../../src/service/methods/money/estimate.ts'
import { MemoryBudgets } from '../../../src/stores/budgets/memory-budgets.ts'
import { budget, priceOf, TokenVendor } from '../../support/budget-world.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { createTestGateway, testContext } from '../../support/test-gateway.ts'

const rules = [
  budget({ name: 'all', limit: 1e9 }),
  budget({ name: 'own', scope: 'caller', limit: 2e9 }),
  budget({ name: 'dear', scope: 'provider', match: 'dear', action: 'avoid', limit: 1 }),
]

function world(vendors: readonly TokenVendor[], budgeted = true) {
  const clock = new FakeClock()
  const events = { refused() {}, avoided() {}, overrun() {} }
  const budgets = { index: new BudgetIndex(rules), budgets: new MemoryBudgets(rules, clock), events }
  const gateway = createTestGateway(
    clock,
    vendors.map(({ provider }) => provider),
    budgeted ? { budgets } : {},
  )
  const method = createEstimate(gateway.forecast, gateway.countTokens)
  return (chat: object, more: object = {}) =>
    method(
      create(EstimateRequestSchema, { chat: { messages: [{ role: Role.USER, content: 'hello' }], ...chat }, ...more }),
      testContext(clock),
      { id: 'web', name: 'web', admin: false },
    )
}

describe('Estimate', () => {
  it('says what a chat would cost at each target, in order, and asks nobody', async () => {
    const vendors = [new TokenVendor('dear', priceOf(10_000_000)), new TokenVendor('vendor')]
    const estimate = world(vendors)
    const { targets } = await estimate({ model: 'dear/m', fallbackModels: ['vendor/m'], maxTokens: 100 })
    expect(targets).toMatchObject([
      { provider: 'dear', model: 'm', skipped: 'OVER_BUDGET', usdP50: 1, usdMax: 1 },
      {
        provider: 'vendor',
        skipped: '',
        inputSource: TokenSource.GUESSED,
        outputP50: 100,
        outputP95: 100,
        outputMax: 100,
        usdP50: 0.1,
        usdMax: 0.1,
        fits: true,
        budgets: [
          { name: 'all', passes: true },
          { name: 'own', passes: true, remainingUsd: 2 },
        ],
      },
    ])
    expect(targets[0]?.budgets[0]?.remainingUsd).toBeUndefined()
    expect(targets[1]?.inputTokens).toBeGreaterThan(5)
    expect(vendors.flatMap(({ asks }) => asks)).toEqual([])
    expect((await estimate({ model: 'dear/m', fallbackModels: ['vendor/m'] }, { maxTargets: 1 })).targets).toHaveLength(
      1,
    )
  })

  it('says why a target would be skipped', async () => {
    const unpriced = new TokenVendor('vendor', priceOf(), { describe: () => ({}) })
    expect((await world([unpriced])({ model: 'vendor/m' })).targets).toMatchObject([
      {
        skipped: 'NO_PRICE',
        budgets: [
          { name: 'all', passes: false },
          { name: 'own', passes: false },
        ],
      },
    ])
    const [without] = (await world([unpriced], false)({ model: 'vendor/m' })).targets
    expect(without).toMatchObject({ skipped: '' })
    expect(without?.usdP50).toBeUndefined()
    expect((await world([new TokenVendor()])({ model: 'vendor/m', maxCostUsd: 0.01 })).targets).toMatchObject([
      { skipped: 'OVER_MAX_COST', usdP50: 0.3, outputP50: 300 },
    ])
  })

  it('reports a context window that is too small', async () => {
    const small = new TokenVendor('vendor', priceOf(), { describe: () => ({ price: priceOf(), contextWindow: 500 }) })
    expect((await world([small])({ model: 'vendor/m' })).targets).toMatchObject([{ contextWindow: 500, fits: false }])
  })

  it('asks the vendor for an exact count where that is wanted, and does without it', async () => {
    let asked = 0
    const counting = { countTokens: async () => 1_000 + ++asked }
    const failing = { countTokens: () => Promise.reject(new Error('no')) }
    const vendors = [
      new TokenVendor('vendor', priceOf(1, 1_000), counting),
      new TokenVendor('second', priceOf(), counting),
      new TokenVendor('third', priceOf(), failing),
    ]
    const estimate = world(vendors, false)
    const chat = { model: 'vendor/m', fallbackModels: ['second/m', 'third/m'] }
    const sources = async (more: object) => (await estimate(chat, more)).targets.map(({ inputSource }) => inputSource)
    const { COUNTED, GUESSED } = TokenSource
    expect(await sources({})).toEqual([GUESSED, GUESSED, GUESSED])
    expect(await sources({ exact: true })).toEqual([COUNTED, GUESSED, GUESSED])
    expect(await sources({ exact: true, maxTargets: 3 })).toEqual([COUNTED, COUNTED, GUESSED])
    expect(asked).toBe(3)
  })

  it.each([
    [{}, { chat: undefined }, 'INVALID_REQUEST'],
    [{ model: 'vendor/m' }, { maxTargets: 17 }, 'INVALID_REQUEST'],
    [{ model: 'nobody/x' }, {}, 'MODEL_NOT_FOUND'],
  ])('refuses %j with %j', async (chat, more, reason) => {
    await expect(world([new TokenVendor()])(chat, more)).rejects.toMatchObject({ reason })
  })
})
