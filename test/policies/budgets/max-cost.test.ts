import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { type ChatResponse, FinishReason } from '../../../src/domain/types.ts'
import { budget, budgetWorld, priceOf, TokenVendor } from '../../support/budget-world.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

/** USD of one output token in these tests. */
const TOKEN = 0.001

function failed(result: ChatResponse | GatewayError): GatewayError {
  if (result instanceof GatewayError) return result
  throw new Error('the call succeeded')
}

describe('max_cost_usd', () => {
  it('lowers max_tokens to what it bears, and says so', async () => {
    const vendor = new TokenVendor()
    const { ask } = budgetWorld(new FakeClock(), [], [vendor])
    const { ended } = ask({ request: { maxCostUsd: 400 * TOKEN, maxTokens: 5_000 } })
    await settle()
    expect(vendor.maxTokens).toEqual([400])
    vendor.say(100)
    vendor.finish()
    expect(await ended).toMatchObject({
      finishReason: FinishReason.STOP,
      route: { warnings: ['max_tokens was lowered to 400 for vendor/m: max_cost_usd bears no more'] },
    })
  })

  it('leaves max_tokens alone where it bears more', async () => {
    const vendor = new TokenVendor()
    const { ask } = budgetWorld(new FakeClock(), [], [vendor])
    ask({ request: { maxCostUsd: 400 * TOKEN, maxTokens: 50 } })
    await settle()
    expect(vendor.maxTokens).toEqual([50])
  })

  it('skips targets that typically cost more', async () => {
    const vendors = [new TokenVendor('vendor', priceOf(1_000_000_000)), new TokenVendor('cheap')]
    const { ask } = budgetWorld(new FakeClock(), [], vendors)
    const { call, ended } = ask({ request: { maxCostUsd: 0.5, fallbackModels: ['cheap/m'] } })
    await settle()
    vendors[1]?.finish()
    expect(await ended).toMatchObject({ route: { provider: 'cheap' } })
    expect(call.context.record.attempts[0]).toMatchObject({ provider: 'vendor', reason: 'OVER_MAX_COST' })
    const error = failed(await ask({ request: { maxCostUsd: 0.5 } }).ended)
    expect(error).toMatchObject({ reason: 'OVER_MAX_COST', code: 'RESOURCE_EXHAUSTED' })
    expect(error.facts.retryAfter).toBeUndefined()
  })

  it('ends a stream of a vendor that ignores max_tokens, complete but short', async () => {
    const vendor = new TokenVendor()
    const { ask, ledger, sums } = budgetWorld(new FakeClock(), [budget({ name: 'all' })], [vendor])
    const { call, ended } = ask({ request: { maxCostUsd: 400 * TOKEN } })
    await settle()
    const stream = vendor.asks[0]
    if (stream) Object.assign(stream.request, { maxTokens: undefined })
    vendor.say(1_000)
    const response = await ended
    expect(response).toMatchObject({
      finishReason: FinishReason.LENGTH,
      usage: { output: 400, estimated: true },
      cost: { usd: 0.4 },
      message: { content: 'tok '.repeat(400) },
    })
    expect(call.context.record.attempts[0]?.warnings.at(-1)).toContain('max_cost_usd')
    expect(vendor.cancelled).toEqual(['OVER_MAX_COST'])
    expect(sums()).toEqual({ all: [400 * 1_000_000, 0] })
    const { records } = await ledger.list(EVERYTHING, 10, '')
    expect(records[0]?.outcome.cost).toEqual({ input: 0, output: 400 * 1_000_000 })
    expect(records[0]?.ending?.code).toBe(0)
  })

  it('is what ends a stream, not a smaller max_tokens, of which a vendor counts as it likes', async () => {
    const vendor = new TokenVendor()
    const { ask } = budgetWorld(new FakeClock(), [], [vendor])
    const { ended } = ask({ request: { maxCostUsd: 400 * TOKEN, maxTokens: 10 } })
    await settle()
    const stream = vendor.asks[0]
    if (stream) Object.assign(stream.request, { maxTokens: undefined })
    vendor.say(200)
    vendor.finish(0, 10)
    expect(await ended).toMatchObject({ finishReason: FinishReason.STOP, usage: { output: 10, estimated: false } })
  })

  it('does not cut a response that comes as a whole: it is paid', async () => {
    const vendor = new TokenVendor()
    const { ask } = budgetWorld(new FakeClock(), [], [vendor])
    const { ended } = ask({ streamed: false, request: { maxCostUsd: 400 * TOKEN } })
    await settle()
    const whole = vendor.asks[0]
    if (whole) Object.assign(whole.request, { maxTokens: undefined })
    vendor.say(500)
    vendor.finish()
    expect(await ended).toMatchObject({
      finishReason: FinishReason.STOP,
      usage: { output: 500, estimated: false },
      message: { content: 'tok '.repeat(500) },
    })
  })

  it('needs a price, and lets a free model pass', async () => {
    const unpriced = new TokenVendor('vendor', priceOf(), { describe: () => ({}) })
    const world = budgetWorld(new FakeClock(), [], [unpriced])
    expect(failed(await world.ask({ request: { maxCostUsd: 1 } }).ended).reason).toBe('NO_PRICE')
    const free = new TokenVendor('vendor', priceOf(0))
    const { ask } = budgetWorld(new FakeClock(), [], [free])
    ask({ request: { maxCostUsd: 0 } })
    await settle()
    expect(free.asks).toHaveLength(1)
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
