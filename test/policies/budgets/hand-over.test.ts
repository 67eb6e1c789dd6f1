import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { CacheMode, type ChatResponse } from '../../../src/domain/types.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { type Asked, budget, budgetWorld, priceOf, TokenVendor } from '../../support/budget-world.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { selection } from '../../support/ledger-rows.ts'

/*
 * Callers that share a namespace of the cache share calls under way. Each caller has a budget of its own: that of `ann`,
 * who asks first, bears 1,000 tokens of the shared response and no more, because another call of hers holds the rest.
 */

/** Nano-dollars of one output token. */
const TOKEN = 1_000_000

interface Facts {
  /** Limits of the callers' budgets in tokens; undefined for a caller without one. */
  readonly limits?: Readonly<Record<string, number>>
  readonly vendors?: readonly TokenVendor[]
  /** Fields of the shared question. */
  readonly more?: { readonly allowReset: boolean; readonly fallbackModels: string[] }
}

const SHARED = { maxTokens: 2_000, cache: { namespace: 'everybody' } }
const OTHER = { maxTokens: 1_000, cache: { mode: CacheMode.BYPASS } }

/** `ann` has asked, and what she has left is held by another call of hers. */
async function world(callers: readonly string[], { limits = {}, vendors = [new TokenVendor()], more }: Facts = {}) {
  const clock = new FakeClock()
  const all: Readonly<Record<string, number>> = { ann: 2_000, ...limits }
  const rules = Object.entries(all).map(([name, tokens]) =>
    budget({ name: `of-${name}`, scope: 'caller', match: name, limit: tokens * TOKEN }),
  )
  const store = new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20 })
  const observer = { hit() {}, miss() {}, shared() {} }
  const cacheRules = { enabled: true, ttl: 60_000, fallbackTtl: 1_000, maxTemperature: undefined }
  const { ask, sums, ledger } = budgetWorld(clock, rules, vendors, {
    cache: { store, observer, clock, rules: () => cacheRules },
  })
  const asked: Record<string, Asked> = {}
  for (const caller of callers) {
    asked[caller] = ask({ caller, request: { ...SHARED, ...more } })
    await settle()
  }
  const other = ask({ caller: 'ann', streamed: false, request: OTHER })
  await settle()
  const of = (caller: string): Asked => {
    const found = asked[caller]
    if (!found) throw new Error(`${caller} does not ask`)
    return found
  }
  const [vendor] = vendors
  if (!vendor) throw new Error('there is no vendor')
  /** What the ledger has of the shared call, by caller. */
  const charges = async () => {
    const { records } = await ledger.list(selection(), 100, '')
    return records
      .filter(({ facts }) => facts.callId !== other.call.context.requestId)
      .map(({ facts, outcome: { cost, tokens }, ending, shares }) => ({
        caller: facts.caller,
        attempt: facts.attempt,
        nano: cost && cost.input + cost.output,
        output: tokens.output,
        ended: ending?.reason,
        shares: shares.map(({ budget, nano }) => `${budget}: ${nano}`),
      }))
      .toSorted((a, b) => `${a.caller}${a.attempt}`.localeCompare(`${b.caller}${b.attempt}`))
  }
  return { of, vendor, sums, charges, ask }
}

async function failed({ ended }: Asked): Promise<GatewayError> {
  const result = await ended
  if (result instanceof GatewayError) return result
  throw new Error('the call succeeded')
}

async function answered({ ended }: Asked): Promise<ChatResponse> {
  const result = await ended
  if (result instanceof GatewayError) throw result
  return result
}

const leave = ({ call }: Asked) =>
  call.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))

describe('a shared response that the budget of its payer does not bear', () => {
  it('goes on at the expense of the next caller', async () => {
    const { of, vendor, sums, charges } = await world(['ann', 'bob', 'cid'], { limits: { bob: 5_000, cid: 5_000 } })
    expect(vendor.asks).toHaveLength(2)
    vendor.say(1_500, 0)
    const error = await failed(of('ann'))
    expect(error).toMatchObject({ reason: 'BUDGET_EXCEEDED', facts: { quota: { subject: 'budget:of-ann:ann' } } })
    expect(of('ann').call.context.record.committed()).toBe(true)
    expect(of('ann').call.context.record.usage()).toMatchObject({ output: 1_000, estimated: true })
    vendor.finish(0)
    const ofBob = await answered(of('bob'))
    expect(ofBob).toMatchObject({ message: { content: 'tok '.repeat(1_500) }, usage: { output: 1_500 } })
    expect(ofBob.cost).toMatchObject({ usd: 0.5, outputUsd: 0.5, savedUsd: 1 })
    expect((await answered(of('cid'))).cost).toMatchObject({ usd: 0, savedUsd: 1.5 })
    expect(vendor.cancelled).toEqual([])
    expect(await charges()).toEqual([
      {
        caller: 'ann',
        attempt: 1,
        nano: 1_000 * TOKEN,
        output: 1_000,
        ended: 'BUDGET_EXCEEDED',
        shares: [`of-ann: ${1_000 * TOKEN}`],
      },
      { caller: 'bob', attempt: 1, nano: 500 * TOKEN, output: 500, ended: '', shares: [`of-bob: ${500 * TOKEN}`] },
      { caller: 'cid', attempt: 0, nano: 0, output: undefined, ended: '', shares: [] },
    ])
    expect(sums()).toEqual({
      'of-ann:ann': [1_000 * TOKEN, 1_000 * TOKEN],
      'of-bob:bob': [500 * TOKEN, 0],
    })
  })

  it('is paid by one caller after the other, as long as their budgets bear it', async () => {
    const { of, vendor, charges, sums } = await world(['ann', 'bob', 'cid'], { limits: { bob: 200, cid: 5_000 } })
    vendor.say(1_800, 0)
    vendor.finish(0)
    expect((await failed(of('bob'))).facts.quota?.subject).toBe('budget:of-bob:bob')
    expect((await answered(of('cid'))).cost).toMatchObject({ usd: 0.6, savedUsd: 1.2 })
    expect((await charges()).map(({ caller, nano }) => [caller, nano])).toEqual([
      ['ann', 1_000 * TOKEN],
      ['bob', 200 * TOKEN],
      ['cid', 600 * TOKEN],
    ])
    expect(sums()).toMatchObject({ 'of-bob:bob': [200 * TOKEN, 0], 'of-cid:cid': [600 * TOKEN, 0] })
  })

  it('ends where nobody bears more, and tells each caller of its own budget', async () => {
    const { of, vendor, sums, charges } = await world(['ann', 'bob', 'cid'], { limits: { bob: 10, cid: 300 } })
    vendor.say(2_000, 0)
    expect((await failed(of('ann'))).facts.quota?.subject).toBe('budget:of-ann:ann')
    expect((await failed(of('bob'))).facts.quota?.subject).toBe('budget:of-bob:bob')
    expect((await failed(of('cid'))).facts.quota?.subject).toBe('budget:of-cid:cid')
    expect(vendor.cancelled).toEqual(['BUDGET_EXCEEDED'])
    const paid = (await charges()).map(({ caller, nano }) => [caller, nano])
    expect(paid).toEqual([
      ['ann', 1_000 * TOKEN],
      ['bob', 0],
      ['cid', 300 * TOKEN],
    ])
    expect(sums()).toEqual({
      'of-ann:ann': [1_000 * TOKEN, 1_000 * TOKEN],
      'of-bob:bob': [0, 0],
      'of-cid:cid': [300 * TOKEN, 0],
    })
  })

  it('is not paid by a caller that the same budget counts', async () => {
    const { of, vendor, ask } = await world(['ann'])
    const again = ask({ caller: 'ann', request: { ...SHARED, userId: 'another user' } })
    await settle()
    vendor.say(1_500, 0)
    expect(await failed(of('ann'))).toMatchObject({ reason: 'BUDGET_EXCEEDED' })
    expect(await failed(again)).toMatchObject({ reason: 'BUDGET_EXCEEDED' })
    expect(vendor.cancelled).toEqual(['BUDGET_EXCEEDED'])
  })

  it('is paid by a caller without a budget', async () => {
    const { of, vendor, charges } = await world(['ann', 'bob'])
    vendor.say(1_900, 0)
    vendor.finish(0)
    expect((await answered(of('bob'))).cost).toMatchObject({ usd: 0.9 })
    expect((await charges()).map(({ nano, shares }) => [nano, shares])).toEqual([
      [1_000 * TOKEN, [`of-ann: ${1_000 * TOKEN}`]],
      [900 * TOKEN, []],
    ])
  })
})

describe('who takes over', () => {
  it('also takes over from a caller that has left', async () => {
    const { of, vendor, charges } = await world(['ann', 'bob'], { limits: { bob: 5_000 } })
    vendor.say(100, 0)
    leave(of('ann'))
    vendor.say(1_400, 0)
    vendor.finish(0)
    expect((await answered(of('bob'))).message?.content).toBe('tok '.repeat(1_500))
    expect((await charges()).map(({ caller, nano, ended }) => [caller, nano, ended])).toEqual([
      ['ann', 1_000 * TOKEN, 'CANCELLED'],
      ['bob', 500 * TOKEN, ''],
    ])
  })

  it('is not a caller that left before it had to pay', async () => {
    const { of, vendor, sums, charges } = await world(['ann', 'bob', 'cid'], { limits: { bob: 5_000, cid: 5_000 } })
    vendor.say(900, 0)
    expect(sums()['of-bob:bob']).toEqual([0, 500 * TOKEN])
    leave(of('bob'))
    vendor.say(600, 0)
    vendor.finish(0)
    expect((await answered(of('cid'))).cost).toMatchObject({ usd: 0.5 })
    expect(sums()).toMatchObject({ 'of-bob:bob': [0, 0], 'of-cid:cid': [500 * TOKEN, 0] })
    expect((await charges()).map(({ caller, nano }) => [caller, nano])).toEqual([
      ['ann', 1_000 * TOKEN],
      ['bob', 0],
      ['cid', 500 * TOKEN],
    ])
  })

  it('pays to the end, even after it has left', async () => {
    const { of, vendor, charges, sums } = await world(['ann', 'bob', 'cid'], { limits: { bob: 5_000, cid: 5_000 } })
    vendor.say(1_100, 0)
    leave(of('bob'))
    vendor.say(400, 0)
    vendor.finish(0)
    expect((await answered(of('cid'))).cost).toMatchObject({ usd: 0, savedUsd: 1.5 })
    expect(sums()).toMatchObject({ 'of-bob:bob': [500 * TOKEN, 0] })
    expect((await charges()).map(({ caller, nano, ended }) => [caller, nano, ended])).toEqual([
      ['ann', 1_000 * TOKEN, 'BUDGET_EXCEEDED'],
      ['bob', 500 * TOKEN, 'CANCELLED'],
      ['cid', 0, ''],
    ])
  })

  it('pays nothing of a response that ends in time', async () => {
    const { of, vendor, charges, sums } = await world(['ann', 'bob'], { limits: { bob: 5_000 } })
    vendor.say(950, 0)
    expect(sums()['of-bob:bob']).toEqual([0, 500 * TOKEN])
    vendor.finish(0)
    expect((await answered(of('ann'))).cost).toMatchObject({ usd: 0.95 })
    expect((await answered(of('bob'))).cost).toMatchObject({ usd: 0, savedUsd: 0.95 })
    expect(sums()).toMatchObject({ 'of-ann:ann': [950 * TOKEN, 1_000 * TOKEN], 'of-bob:bob': [0, 0] })
    expect((await charges()).map(({ nano }) => nano)).toEqual([950 * TOKEN, 0])
  })

  it('pays nothing where the vendor counted less than the first caller had reserved', async () => {
    const { of, vendor, charges, sums } = await world(['ann', 'bob'], { limits: { bob: 5_000 } })
    vendor.say(1_200, 0)
    vendor.finish(0, 700)
    expect((await answered(of('bob'))).cost).toMatchObject({ usd: 0, savedUsd: 0.7 })
    expect((await charges()).map(({ nano, output }) => [nano, output])).toEqual([
      [700 * TOKEN, 700],
      [0, 0],
    ])
    expect(sums()).toMatchObject({ 'of-ann:ann': [700 * TOKEN, 1_000 * TOKEN], 'of-bob:bob': [0, 0] })
  })

  it('pays its part of a response that breaks off, and its log line says so', async () => {
    const { of, vendor, charges } = await world(['ann', 'bob'], { limits: { bob: 5_000 } })
    vendor.say(1_300, 0)
    vendor.breakOff(0)
    expect(await failed(of('bob'))).toMatchObject({ reason: 'UPSTREAM_STREAM_TRUNCATED' })
    expect((await charges()).map(({ nano }) => nano)).toEqual([1_000 * TOKEN, 300 * TOKEN])
    expect(of('bob').call.context.record.takenOver).toMatchObject({
      usage: { input: 0, output: 300 },
      cost: { input: 0, output: 300 * TOKEN },
    })
  })

  it('pays for the next target where the response starts over', async () => {
    const vendors = [new TokenVendor(), new TokenVendor('second', priceOf(2 * TOKEN))]
    const more = { allowReset: true, fallbackModels: ['second/m'] }
    const { of, vendor, charges, sums } = await world(['ann', 'bob'], { limits: { bob: 9_000 }, vendors, more })
    vendor.say(1_300, 0)
    vendor.breakOff(0)
    await settle()
    vendors[1]?.say(100)
    vendors[1]?.finish()
    expect(await answered(of('bob'))).toMatchObject({ message: { content: 'tok '.repeat(100) }, cost: { usd: 0.2 } })
    expect((await charges()).map(({ caller, attempt, nano }) => [caller, attempt, nano])).toEqual([
      ['ann', 1, 1_000 * TOKEN],
      ['bob', 1, 300 * TOKEN],
      ['bob', 2, 200 * TOKEN],
    ])
    expect(sums()).toMatchObject({ 'of-bob:bob': [500 * TOKEN, 0] })
  })
})
