import { expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { MemoryCache } from '../../../src/stores/cache/memory-cache.ts'
import { budget, budgetWorld, TokenVendor } from '../../support/budget-world.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

/** Nano-dollars of one output token. */
const TOKEN = 1_000_000
const RULE = budget({ name: 'of-ann', scope: 'caller', match: 'ann', limit: 100 * TOKEN })

function world() {
  const clock = new FakeClock()
  const vendor = new TokenVendor()
  const { ask } = budgetWorld(clock, [RULE], [vendor], {
    cache: {
      store: new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20 }),
      observer: { hit() {}, miss() {}, shared() {} },
      clock,
      rules: () => ({ enabled: true, ttl: 60_000, fallbackTtl: 1_000, maxTemperature: undefined }),
    },
  })
  /** The text that a caller is answered, where the vendor has so many tokens to say. */
  const answer = async (caller: string, tokens: number, maxTokens: number) => {
    const asked = vendor.asks.length
    const { ended } = ask({ caller, request: { maxTokens, cache: { namespace: 'everybody' } } })
    await settle()
    if (vendor.asks.length > asked) {
      const isCut = vendor.say(tokens) && tokens > (vendor.maxTokens.at(-1) ?? tokens)
      vendor.finish(asked, undefined, isCut ? 'length' : 'stop')
    }
    const response = await ended
    if (response instanceof GatewayError) throw response
    return response.message?.content.split(' ').length ?? 0
  }
  return { answer, asks: vendor.asks }
}

it('does not keep a response that a budget has made shorter for callers that can pay for a whole one', async () => {
  const { answer, asks } = world()
  expect(await answer('ann', 500, 1_000)).toBe(101)
  expect(await answer('bob', 500, 1_000)).toBe(501)
  expect(asks).toHaveLength(2)
})

it('keeps a response that is whole under a bound of the budget, and one that is as short as was asked for', async () => {
  const { answer, asks } = world()
  expect(await answer('ann', 20, 1_000)).toBe(21)
  expect(await answer('bob', 20, 1_000)).toBe(21)
  expect(asks).toHaveLength(1)
  const other = world()
  expect(await other.answer('bob', 500, 30)).toBe(31)
  expect(await other.answer('cid', 500, 30)).toBe(31)
  expect(other.asks).toHaveLength(1)
})
