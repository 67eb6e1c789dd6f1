import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../src/domain/calls/call.ts'
import {
  type Choice,
  createCall,
  type Kept,
  type Planned,
  type SessionPlace,
  type Target,
} from '../../../src/domain/calls/facts.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import type { ModelFacts, Provider } from '../../../src/domain/ports/provider.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { type ChatEvent, type ChatRequest, ChatRequestSchema, Role, type Usage } from '../../../src/domain/types.ts'
import { balance } from '../../../src/policies/balancing/balance.ts'
import { Latencies } from '../../../src/policies/balancing/latencies.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { testContext } from '../../support/test-gateway.ts'

const clock = new FakeClock()

function target(name: string, choice: Choice | undefined, more: Partial<Target> & { facts?: ModelFacts } = {}): Target {
  const { facts = {}, ...rest } = more
  const provider = { name, describe: () => facts } as unknown as Provider // all that is asked of it here
  return { provider, model: 'm', defaults: {}, choice, ...rest }
}

interface World {
  readonly random?: () => number
  readonly latencies?: Latencies
  readonly request?: Partial<ChatRequest>
  readonly session?: SessionPlace
}

/** The providers of the targets in the order in which they would be asked. */
async function orderOf(targets: readonly Target[], world: World = {}): Promise<string[]> {
  const { random = Math.random, latencies = new Latencies(clock), request = {} } = world
  let seen: readonly Target[] = []
  const last = async (call: Call<ChatRequest> & Planned) => {
    seen = call.targets
    return new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  }
  const message = create(ChatRequestSchema, { messages: [{ role: Role.USER, content: 'x'.repeat(4_000) }] })
  const call = createCall('stream_chat', { ...message, ...request }, testContext(clock))
  const { session } = world
  await balance({ random, latencies })<Call<ChatRequest> & Planned & Kept, ChatEvent>(last)({
    ...call,
    targets,
    session,
  })
  return seen.map(({ provider }) => provider.name)
}

/** The same numbers in every run. */
function numbers(seed = 1): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

async function firsts(targets: readonly Target[], world: World, calls = 2_000): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let call = 0; call < calls; call++) {
    const [first = ''] = await orderOf(targets, world)
    counts[first] = (counts[first] ?? 0) + 1
  }
  return counts
}

describe('a conversation', () => {
  const choice: Choice = { strategy: 'weighted' }
  const targets = [target('a', choice, { weight: 1_000 }), target('b', choice)]

  test('is asked first where it was answered last, and the others stay its fallbacks', async () => {
    const session = { provider: 'b', model: 'm', keyId: '' }
    expect(await orderOf(targets, { session })).toEqual(['b', 'a'])
  })

  test('has no place among targets that are not its alias’s', async () => {
    const session = { provider: 'elsewhere', model: 'm', keyId: '' }
    expect(await orderOf(targets, { session, random: () => 0.5 })).toEqual(['a', 'b'])
    const fallback = [...targets, target('c', undefined)]
    expect((await orderOf(fallback, { session: { provider: 'c', model: 'm', keyId: '' } })).at(-1)).toBe('c')
  })
})

describe('by weight', () => {
  const choice: Choice = { strategy: 'weighted' }
  const targets = [target('a', choice, { weight: 6 }), target('b', choice, { weight: 3 }), target('c', choice)]

  test('each is the first in its share of the calls, and all are there', async () => {
    const random = numbers()
    const counts = await firsts(targets, { random })
    expect(counts['a']).toBeGreaterThan(1_130)
    expect(counts['a']).toBeLessThan(1_270)
    expect(counts['c']).toBeGreaterThan(150)
    expect(counts['c']).toBeLessThan(250)
    expect((await orderOf(targets, { random })).sort()).toEqual(['a', 'b', 'c'])
  })

  test('what the caller names as fallbacks stays behind', async () => {
    const all = [...targets, target('last', undefined), target('x', undefined)]
    const random = numbers()
    for (let call = 0; call < 50; call++) expect((await orderOf(all, { random })).slice(3)).toEqual(['last', 'x'])
  })

  test('an alias among the fallbacks has an order of its own', async () => {
    const another: Choice = { strategy: 'weighted' }
    const all = [...targets, target('x', another), target('y', another)]
    const random = numbers()
    for (let call = 0; call < 50; call++) {
      const order = await orderOf(all, { random })
      expect([order.slice(0, 3).sort(), order.slice(3).sort()]).toEqual([
        ['a', 'b', 'c'],
        ['x', 'y'],
      ])
    }
  })

  test('one alone is asked where the caller wants no fallback, not always the same', async () => {
    const random = numbers()
    const request = { disableFallback: true }
    expect(await orderOf(targets, { random, request })).toHaveLength(1)
    expect(Object.keys(await firsts(targets, { random, request }, 200)).sort()).toEqual(['a', 'b', 'c'])
  })
})

test('without a strategy the order stays', async () => {
  const targets = ['c', 'a', 'b'].map((name) => target(name, undefined))
  expect(await orderOf(targets)).toEqual(['c', 'a', 'b'])
})

describe('by latency', () => {
  const choice: Choice = { strategy: 'least_latency' }
  const [a, b, c] = [target('a', choice), target('b', choice), target('c', choice)]
  const measured = (samples: readonly (readonly [Target, number])[]) => {
    const latencies = new Latencies(clock)
    for (const [of, latency] of samples) latencies.begin(of, 'stream_chat')(latency)
    return latencies
  }

  test('of two the faster one is first', async () => {
    const latencies = measured([
      [a, 300],
      [b, 100],
    ])
    expect(await firsts([a, b], { latencies, random: numbers() }, 100)).toEqual({ b: 100 })
  })

  test('of three the slowest is never first, and each other one is', async () => {
    const latencies = measured([
      [a, 300],
      [b, 100],
      [c, 200],
    ])
    const counts = await firsts([a, b, c], { latencies, random: numbers() })
    expect(Object.keys(counts).sort()).toEqual(['b', 'c'])
    expect(counts['b']).toBeGreaterThan(counts['c'] ?? 0)
    expect(await orderOf([a, b], { latencies })).toEqual(['b', 'a'])
  })

  test('one that was never tried is tried, by one call at a time', async () => {
    const latencies = measured([[a, 1]])
    expect(await orderOf([a, b], { latencies })).toEqual(['b', 'a'])
    const end = latencies.begin(b, 'stream_chat')
    expect(await orderOf([a, b], { latencies })).toEqual(['a', 'b'])
    end(undefined)
    expect(await orderOf([a, b], { latencies })).toEqual(['b', 'a'])
  })

  test('one that was slow is tried again after a while', async () => {
    const latencies = measured([[a, 800]])
    await clock.advance(90_000)
    latencies.begin(b, 'stream_chat')(150)
    expect(await orderOf([a, b], { latencies })).toEqual(['a', 'b'])
    latencies.begin(a, 'stream_chat')(800)
    expect(await orderOf([a, b], { latencies })).toEqual(['b', 'a'])
  })

  test('one that is busy counts as slower', async () => {
    const latencies = measured([
      [a, 100],
      [b, 150],
    ])
    latencies.begin(a, 'stream_chat')
    expect(await orderOf([a, b], { latencies })).toEqual(['b', 'a'])
  })

  test('whole answers and streams are told apart', async () => {
    const latencies = measured([
      [a, 300],
      [b, 100],
    ])
    latencies.begin(b, 'chat')(9_000)
    expect(await orderOf([a, b], { latencies })).toEqual(['b', 'a'])
  })
})

describe('by cost', () => {
  const choice: Choice = { strategy: 'least_cost' }
  /** In nano-dollars for a token. */
  const priced = (name: string, input: number, output: number): Target => {
    const bill = (usage: Usage) => ({ input: (usage.input ?? 0) * input, output: (usage.output ?? 0) * output })
    return target(name, choice, { facts: { price: { bill, list: { input, output } } } })
  }
  const unknown = target('unknown', choice)
  const [reader, writer] = [priced('cheap-to-read', 1, 20), priced('cheap-to-write', 6, 1)]

  test('the cheapest for the tokens of the call is first, what has no price last', async () => {
    expect(await orderOf([unknown, reader, writer])).toEqual(['cheap-to-write', 'cheap-to-read', 'unknown'])
    const request = { maxTokens: 10 }
    expect(await orderOf([unknown, writer, reader], { request })).toEqual([
      'cheap-to-read',
      'cheap-to-write',
      'unknown',
    ])
  })

  test('equals stay in the order of the file', async () => {
    expect(await orderOf([priced('a', 1, 1), priced('b', 1, 1), priced('c', 1, 1)])).toEqual(['a', 'b', 'c'])
  })
})
