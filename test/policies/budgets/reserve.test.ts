import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Ask } from '../../../src/domain/ports/provider.ts'
import { type ChatRequest, type ChatResponse, Role, UsageState } from '../../../src/domain/types.ts'
import { budget, budgetWorld, priceOf, TokenVendor } from '../../support/budget-world.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

/** Nano-dollars of one output token in these tests. */
const TOKEN = 1_000_000

function failed(result: ChatResponse | GatewayError): GatewayError {
  if (result instanceof GatewayError) return result
  throw new Error('the call succeeded')
}

describe('a budget that refuses', () => {
  it('reserves while a call runs and keeps what it cost', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const { ended } = ask({ streamed: false, request: { maxTokens: 100 } })
    await settle()
    expect(sums()).toEqual({ all: [0, 100 * TOKEN] })
    vendor.say(40)
    vendor.finish()
    expect(await ended).toMatchObject({ message: { content: 'tok '.repeat(40) } })
    expect(sums()).toEqual({ all: [40 * TOKEN, 0] })
  })

  it('lets calls together reserve no more than its limit', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const asked = Array.from({ length: 30 }, () => ask({ streamed: false, request: { maxTokens: 100 } }))
    await settle()
    expect(sums()).toEqual({ all: [0, 1_000 * TOKEN] })
    expect(vendor.asks).toHaveLength(10)
    const refused = failed(await (asked[29]?.ended ?? Promise.reject(new Error('none'))))
    expect(refused).toMatchObject({ reason: 'BUDGET_EXCEEDED', code: 'RESOURCE_EXHAUSTED' })
    expect(refused.facts.quota?.subject).toBe('budget:all')
  })

  it('lowers max_tokens to what it bears and says so', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const { ended } = ask({ streamed: false, request: { maxTokens: 5_000 } })
    await settle()
    expect(vendor.maxTokens).toEqual([1_000])
    vendor.say(2_000)
    vendor.finish()
    const response = await ended
    expect(response).toMatchObject({
      route: { warnings: ['max_tokens was lowered to 1000 for vendor/m: the budget "all" bears no more'] },
    })
    expect(sums()).toEqual({ all: [1_000 * TOKEN, 0] })
  })

  it('always bounds the output, also in the options for a vendor', async () => {
    const vendor = new TokenVendor()
    const { ask } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const providerOptions = { vendor: { max_completion_tokens: 1e9, generationConfig: { maxOutputTokens: 7 } } }
    ask({ streamed: false, request: { providerOptions } })
    await settle()
    expect(vendor.maxTokens).toEqual([1_000])
    expect(vendor.asks[0]?.request.providerOptions).toEqual({
      vendor: { max_completion_tokens: 1_000, generationConfig: { maxOutputTokens: 7 } },
    })
  })

  it('does not shorten calls without `fit`, and names no wait for one that is larger than the limit', async () => {
    const vendor = new TokenVendor()
    const clock = new FakeClock()
    const { ask } = budgetWorld(clock, [budget({ name: 'all', fit: false })], [vendor])
    const tooLarge = failed(await ask({ streamed: false, request: { maxTokens: 5_000 } }).ended)
    expect(tooLarge.reason).toBe('BUDGET_EXCEEDED')
    expect(tooLarge.facts.retryAfter).toBeUndefined()
    ask({ streamed: false, request: { maxTokens: 900 } })
    await settle()
    expect(vendor.maxTokens).toEqual([900])
    expect(failed(await ask({ streamed: false, request: { maxTokens: 900 } }).ended).reason).toBe('BUDGET_EXCEEDED')
  })

  it('names the wait until its window ends when that is within an hour', async () => {
    const clock = new FakeClock()
    const day = 86_400_000
    const left = day - (clock.wall() % day)
    const { ask } = budgetWorld(clock, [budget({ name: 'all', limit: 0 })], [new TokenVendor()])
    const early = failed(await ask().ended)
    expect(early.facts.retryAfter).toBe(left <= 3_600_000 ? left : undefined)
    await clock.advance(left - 60_000)
    // A call larger than the limit would not pass later either; this one needs nothing but a budget.
    const { ask: later } = budgetWorld(clock, [budget({ name: 'all', limit: 100 * TOKEN })], [new TokenVendor()])
    later({ streamed: false, request: { maxTokens: 100 } })
    await settle()
    expect(failed(await later({ streamed: false, request: { maxTokens: 100 } }).ended).facts.retryAfter).toBe(60_000)
  })

  it('names that wait also to a call that it can only bear when shortened', async () => {
    const clock = new FakeClock()
    const day = 86_400_000
    await clock.advance(day - (clock.wall() % day) - 60_000)
    const { ask } = budgetWorld(clock, [budget({ name: 'all', limit: 100 * TOKEN })], [new TokenVendor()])
    ask({ streamed: false, request: { maxTokens: 5_000 } })
    await settle()
    for (const streamed of [false, true]) {
      const refused = failed(await ask({ streamed, request: { maxTokens: 5_000 } }).ended)
      expect(refused).toMatchObject({ reason: 'BUDGET_EXCEEDED', facts: { retryAfter: 60_000 } })
      expect(refused.message).toContain('It begins again at')
    }
  })

  it('counts a call in the window in which it was reserved', async () => {
    const clock = new FakeClock()
    const vendor = new TokenVendor()
    const { ask, sums, ledger } = budgetWorld(clock, [budget({ name: 'all' })], [vendor])
    const { ended } = ask({ streamed: false, request: { maxTokens: 100 } })
    await settle()
    const day = 86_400_000
    const before = clock.wall() - (clock.wall() % day)
    await clock.advance(before + day - clock.wall())
    expect(sums()).toEqual({ all: [0, 0] })
    vendor.say(10)
    vendor.finish()
    await ended
    expect(sums()).toEqual({ all: [0, 0] })
    const { records } = await ledger.list(EVERYTHING, 10, '')
    expect(records[0]?.shares).toEqual([{ budget: 'all', subject: '', windowStart: before, nano: 10 * TOKEN }])
  })

  it('refuses a model without a price, and lets a free one pass', async () => {
    const unpriced = new TokenVendor('vendor', priceOf(), { describe: () => ({}) })
    const world = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [unpriced])
    expect(failed(await world.ask().ended)).toMatchObject({ reason: 'NO_PRICE', code: 'FAILED_PRECONDITION' })
    const free = new TokenVendor('vendor', priceOf(0))
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 0 })], [free])
    const { ended } = ask({ request: { maxTokens: 5_000 } })
    await settle()
    expect(free.maxTokens).toEqual([5_000])
    free.finish()
    expect(await ended).toMatchObject({ message: { content: '' } })
    expect(sums()).toEqual({ all: [0, 0] })
  })

  it('leaves the call to a free target behind it', async () => {
    const vendors = [new TokenVendor('vendor'), new TokenVendor('local', priceOf(0))]
    const { ask } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 0 })], vendors)
    const { ended } = ask({ request: { fallbackModels: ['local/m'] } })
    await settle()
    vendors[1]?.finish()
    expect(await ended).toMatchObject({ route: { provider: 'local' } })
  })

  it('settles all that a vendor reports beyond the reservation, and reports it', async () => {
    const vendor = new TokenVendor()
    const { ask, sums, heard } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const { ended } = ask({ streamed: false, request: { maxTokens: 1_000 } })
    await settle()
    vendor.finish(0, 1_200)
    await ended
    expect(sums()).toEqual({ all: [1_200 * TOKEN, 0] })
    expect(heard).toContainEqual(['budgetOverrun', 'vendor', 'm', 200 * TOKEN])
    expect(heard.map(([name]) => name)).toEqual(['budgetOverrun', 'budgetThreshold', 'budgetExceeded'])
  })

  it('gives back everything when the client leaves before the vendor was asked, or the vendor fails', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const { call, ended } = ask({ streamed: false, request: { maxTokens: 100 } })
    call.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client left.'))
    expect(failed(await ended).reason).toBe('CANCELLED')
    const second = ask({ streamed: true, request: { maxTokens: 100 } })
    await settle()
    vendor.streams.at(-1)?.end(new GatewayError('UPSTREAM_INVALID_REQUEST', 'no'))
    await second.ended
    expect(sums()).toEqual({ all: [0, 0] })
  })
})

const EVERYTHING = {
  start: undefined,
  end: Number.POSITIVE_INFINITY,
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
}

describe('a stream', () => {
  it('reserves what is typical, and more while it goes on', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 100_000 * TOKEN })], [vendor])
    const { ended } = ask({ request: { maxTokens: 50_000 } })
    await settle()
    expect(vendor.maxTokens).toEqual([50_000])
    expect(sums()).toEqual({ all: [0, 1_000 * TOKEN] })
    vendor.say(800)
    expect(sums()).toEqual({ all: [0, 1_500 * TOKEN] })
    vendor.say(1_200)
    expect(sums()['all']?.[1]).toBeGreaterThan(2_000 * TOKEN)
    vendor.finish()
    await ended
    expect(sums()).toEqual({ all: [2_000 * TOKEN, 0] })
  })

  it('is cut where the budget bears no more, and not before', async () => {
    const vendor = new TokenVendor()
    const { ask, sums, heard } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 2_400 * TOKEN })], [vendor])
    const [first, second] = [ask({ request: { maxTokens: 5_000 } }), ask({ request: { maxTokens: 5_000 } })]
    await settle()
    vendor.say(1_200, 0)
    vendor.say(5_000, 1)
    const error = failed(await second.ended)
    expect(error).toMatchObject({ reason: 'BUDGET_EXCEEDED', facts: { quota: { subject: 'budget:all' } } })
    expect(second.call.context.record.committed()).toBe(true)
    expect(second.call.context.record.usage()?.output).toBeGreaterThan(900)
    expect(vendor.cancelled).toEqual(['BUDGET_EXCEEDED'])
    vendor.say(5_000, 0)
    await first.ended
    const spent = sums()['all']?.[0] ?? 0
    expect(spent).toBeLessThanOrEqual(2_400 * TOKEN)
    expect(spent).toBeGreaterThan(0.99 * 2_400 * TOKEN)
    expect(sums()['all']?.[1]).toBe(0)
    expect(heard.map(([name]) => name)).toContain('budgetExceeded')
  })

  it('is charged what was counted of its text when its client leaves', async () => {
    const vendor = new TokenVendor('vendor', priceOf(TOKEN, 1))
    const { ask, sums, ledger } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const { call, ended } = ask({ request: { maxTokens: 500 } })
    await settle()
    vendor.say(100)
    // Whoever counts its bytes takes it for less.
    vendor.reported = 40
    call.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client left.'))
    await ended
    const { records } = await ledger.list(EVERYTHING, 10, '')
    expect(records[0]?.outcome).toMatchObject({ state: UsageState.ESTIMATED, tokens: { output: 100 } })
    expect(sums()['all']?.[0]).toBeGreaterThanOrEqual(100 * TOKEN)
  })

  it('is charged the input that was estimated for it when the vendor says nothing', async () => {
    const content = '1,2,3,4;'.repeat(500)
    const lost = async (ask: Ask<ChatRequest>) => {
      ask.attempt.sent = true
      throw new GatewayError('UPSTREAM_UNREACHABLE', 'The connection was lost.')
    }
    const vendor = new TokenVendor('vendor', priceOf(TOKEN, 1), { chat: lost })
    const { ask, ledger } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 1e12 })], [vendor])
    await ask({ request: { maxTokens: 500, messages: [{ role: Role.USER, content }] } }).ended
    const { records } = await ledger.list(EVERYTHING, 10, '')
    expect(records[0]?.outcome.state).toBe(UsageState.ESTIMATED)
    expect(records[0]?.outcome.tokens.input).toBeGreaterThan(content.length / 2)
  })

  it('is charged the likely input, not the most that it reserved, where the vendor runs on', async () => {
    const content = 'Forty bytes of English say ten tokens...'
    const vendor = new TokenVendor('vendor', priceOf(TOKEN, 1), { onCancel: 'runs_on' })
    const { ask, ledger } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 1e12 })], [vendor])
    const { call, ended } = ask({ request: { maxTokens: 500, messages: [{ role: Role.USER, content }] } })
    await settle()
    vendor.say(10)
    call.context.cancellation.cancel(new GatewayError('CANCELLED', 'The client left.'))
    await ended
    const { records } = await ledger.list(EVERYTHING, 10, '')
    expect(records[0]?.outcome.tokens.input).toBeGreaterThan(10)
    expect(records[0]?.outcome.tokens.input).toBeLessThan(content.length)
  })

  it('may use all that is left', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 3_000 * TOKEN })], [vendor])
    const { ended } = ask({ request: { maxTokens: 5_000 } })
    await settle()
    expect(vendor.maxTokens).toEqual([3_000])
    expect(vendor.say(5_000)).toBe(true)
    vendor.finish()
    expect(await ended).toMatchObject({ route: { warnings: [expect.stringContaining('lowered to 3000')] } })
    expect(sums()).toEqual({ all: [3_000 * TOKEN, 0] })
  })

  it('reserves its worst where reasoning is hidden, the vendor runs on, or the budget wants it', async () => {
    const worlds = [
      [budget({ name: 'all' }), { describe: () => ({ price: priceOf(), hiddenReasoning: 'by default' as const }) }],
      [budget({ name: 'all' }), { onCancel: 'runs_on' as const }],
      [budget({ name: 'all', reserve: 'worst' }), {}],
    ] as const
    for (const [rule, facts] of worlds) {
      const vendor = new TokenVendor('vendor', priceOf(), facts)
      const { ask, sums } = budgetWorld(new FakeClock(), [rule], [vendor])
      ask({ request: { maxTokens: 700 } })
      await settle()
      expect(sums()).toEqual({ all: [0, 700 * TOKEN] })
    }
  })

  it('learns what calls of a caller typically cost', async () => {
    const vendor = new TokenVendor()
    const { ask, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all', limit: 100_000 * TOKEN })], [vendor])
    for (let call = 0; call < 20; call++) {
      const { ended } = ask({ request: { maxTokens: 5_000 } })
      await settle()
      vendor.say(100)
      vendor.finish()
      await ended
    }
    ask({ request: { maxTokens: 5_000 } })
    await settle()
    expect(sums()['all']?.[1]).toBeLessThan(120 * TOKEN)
    ask({ caller: 'other', request: { maxTokens: 5_000 } })
    await settle()
    expect(sums()['all']?.[1]).toBeGreaterThan(1_000 * TOKEN)
  })
})

describe('budgets that do not refuse', () => {
  it('avoid a target, and leave the call to the next one', async () => {
    const vendors = [new TokenVendor('vendor'), new TokenVendor('spare')]
    const rules = [budget({ name: 'pa', scope: 'provider', match: 'vendor', action: 'avoid', limit: 500 * TOKEN })]
    const { ask, sums, heard } = budgetWorld(new FakeClock(), rules, vendors)
    const { call, ended } = ask({ request: { fallbackModels: ['spare/m'] } })
    await settle()
    vendors[1]?.finish()
    expect(await ended).toMatchObject({ route: { provider: 'spare', fallbackUsed: true } })
    expect(call.context.record.attempts[0]).toMatchObject({ provider: 'vendor', reason: 'OVER_BUDGET' })
    expect(sums()).toEqual({ 'pa:vendor': [0, 0] })
    expect(heard).toMatchObject([['providerAvoided', 'vendor', { budget: 'pa' }, true]])
    expect(failed(await ask({ request: {} }).ended)).toMatchObject({ reason: 'BUDGET_EXCEEDED' })
  })

  it('never end a running call', async () => {
    const vendor = new TokenVendor()
    const rules = [
      budget({ name: 'pa', scope: 'provider', action: 'avoid', limit: 1_000 * TOKEN }),
      budget({ name: 'seen', action: 'alert', limit: 1 }),
    ]
    const { ask, sums } = budgetWorld(new FakeClock(), rules, [vendor])
    const { ended } = ask({ request: { maxTokens: 5_000 } })
    await settle()
    expect(vendor.maxTokens).toEqual([5_000])
    vendor.say(3_000)
    vendor.finish()
    await ended
    expect(sums()).toEqual({ 'pa:vendor': [3_000 * TOKEN, 0], seen: [3_000 * TOKEN, 0] })
  })
})

it('counts each subject on its own', async () => {
  const vendor = new TokenVendor()
  const rules = [
    budget({ name: 'callers', scope: 'caller', match: 'w*' }),
    budget({ name: 'users', scope: 'user' }),
    budget({ name: 'teams', scope: 'label', labels: { team: '*' } }),
    budget({ name: 'red', scope: 'label', labels: { team: 'red' }, shared: true }),
  ]
  const { ask, sums } = budgetWorld(new FakeClock(), rules, [vendor])
  for (const [caller, userId, team] of [
    ['web', 'u1', 'red'],
    ['web', 'u2', 'blue'],
    ['app', 'u1', 'red'],
  ] as const) {
    const { ended } = ask({ caller, request: { userId, labels: { team }, maxTokens: 10 } })
    await settle()
    vendor.say(5)
    vendor.finish()
    await ended
  }
  expect(sums()).toEqual({
    'callers:web': [10 * TOKEN, 0],
    'users:web/u1': [5 * TOKEN, 0],
    'users:web/u2': [5 * TOKEN, 0],
    'users:app/u1': [5 * TOKEN, 0],
    'teams:team=red': [10 * TOKEN, 0],
    'teams:team=blue': [5 * TOKEN, 0],
    red: [10 * TOKEN, 0],
  })
})
