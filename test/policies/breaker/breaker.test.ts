import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Reason } from '../../../src/domain/errors/reasons.ts'
import type { BreakerChange } from '../../../src/domain/ports/breakers.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import type { Handler } from '../../../src/domain/streams/follow.ts'
import { AttemptOutcome, BreakerState, type ChatEvent } from '../../../src/domain/types.ts'
import { breaker } from '../../../src/policies/breaker/breaker.ts'
import { Circuits } from '../../../src/policies/breaker/circuits.ts'
import { callerNamed } from '../../support/caller.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { type RoutedCall, routedCall, targetOf } from '../../support/routed-call.ts'

type Answer = 'ok' | 'hangs' | GatewayError

const SOURCE = { pause() {}, resume() {}, cancel() {} }

class World {
  readonly clock = new FakeClock()
  readonly changes: BreakerChange[] = []
  readonly circuits = new Circuits(this.clock, {}, { breakerChanged: (change) => void this.changes.push(change) })
  answer: Answer = 'ok'
  /** How long an answer takes, in ms. */
  latency = 0
  hits = 0
  streams: EventStream<ChatEvent>[] = []
  #requests = 0

  readonly #next: Handler<RoutedCall, ChatEvent> = async (call) => {
    this.hits++
    const { answer } = this
    if (this.latency > 0) await new Promise<void>((resolve) => this.clock.alarm(this.latency, resolve))
    if (answer === 'hangs') await new Promise((_, reject) => call.context.cancellation.add({ cancel: reject }))
    if (answer instanceof GatewayError) throw answer
    const stream = new EventStream<ChatEvent>(call.context.cancellation, SOURCE)
    this.streams.push(stream)
    return stream
  }

  readonly #ask = breaker(this.circuits, this.clock)<RoutedCall, ChatEvent>(this.#next)

  /** A call of `caller` with a request that no other has. */
  different(caller = 'web'): RoutedCall {
    const call = routedCall(this.clock)
    const context = { ...call.context, requestBytes: Buffer.from(`request ${this.#requests++}`) }
    return { ...call, context, caller: callerNamed(caller) }
  }

  async call(call = this.different()): Promise<GatewayError | 'ok'> {
    try {
      await this.#ask(call)
      return 'ok'
    } catch (error) {
      return GatewayError.from(error)
    }
  }

  async calls(count: number, answer: Answer): Promise<void> {
    this.answer = answer
    for (let made = 0; made < count; made++) await this.call()
  }

  get state(): BreakerState {
    return this.circuits.stateOf('house', 'm')
  }
}

const error = (reason: Reason, status?: number) =>
  new GatewayError(reason, 'no', { fallback: true, ...(status !== undefined && { upstream: { status } }) })
const DOWN = error('UPSTREAM_ERROR', 500)

/** Whose circuit has just opened. */
async function opened(): Promise<World> {
  const world = new World()
  await world.calls(20, DOWN)
  expect(world.state).toBe(BreakerState.OPEN)
  return world
}

describe('it opens', () => {
  test('when 20 calls have failed, and not before', async () => {
    const world = new World()
    await world.calls(19, DOWN)
    expect(world.state).toBe(BreakerState.CLOSED)
    await world.calls(1, DOWN)
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test('when every second call fails', async () => {
    const world = new World()
    for (let pair = 0; pair < 10; pair++) {
      await world.calls(1, 'ok')
      await world.calls(1, DOWN)
    }
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test('not when less than half of them do', async () => {
    const world = new World()
    for (let round = 0; round < 50; round++) {
      await world.calls(11, 'ok')
      await world.calls(9, DOWN)
    }
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('not by calls that are long past', async () => {
    const world = new World()
    for (let call = 0; call < 60; call++) {
      await world.calls(1, DOWN)
      await world.clock.advance(1_600)
    }
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('not by failures that are long past, once there are calls again', async () => {
    const world = new World()
    await world.calls(19, DOWN)
    await world.clock.advance(31_000)
    await world.calls(20, 'ok')
    await world.calls(1, DOWN)
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('not by a burst of good calls that hides what comes after it for longer than the window', async () => {
    const world = new World()
    await world.calls(1_000, 'ok')
    await world.clock.advance(31_000)
    await world.calls(20, DOWN)
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test('when streams break off after they have begun', async () => {
    const world = new World()
    await world.calls(20, 'ok')
    for (const stream of world.streams.slice(0, 9)) stream.cancel(error('UPSTREAM_STREAM_TRUNCATED'))
    expect(world.state).toBe(BreakerState.CLOSED)
    world.streams[9]?.cancel(error('UPSTREAM_IDLE_TIMEOUT'))
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test('when streams take longer than a minute to begin', async () => {
    const world = new World()
    world.latency = 60_001
    const calls = Array.from({ length: 20 }, () => world.call())
    await world.clock.advance(60_001)
    expect(await Promise.all(calls)).toEqual(Array(20).fill('ok'))
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test.each<[string, Answer]>([
    ["the caller's own faults", error('UPSTREAM_INVALID_REQUEST', 400)],
    ['rate limits', error('UPSTREAM_RATE_LIMITED', 429)],
    ['calls that were cancelled', new GatewayError('CANCELLED', 'left')],
    ['deadlines', new GatewayError('DEADLINE_EXCEEDED', 'late')],
    ['refused keys', error('UPSTREAM_CREDENTIALS', 401)],
    ['what the target cannot carry', error('UNSUPPORTED')],
    ['old connections', new GatewayError('UPSTREAM_RESET', 'closed', { retry: true, blame: 'request' })],
    ['one call that found no capacity', new GatewayError('UPSTREAM_OVERLOADED', 'busy', { blame: 'request' })],
  ])('not by %s', async (_, answer) => {
    const world = new World()
    await world.calls(100, answer)
    expect(world.state).toBe(BreakerState.CLOSED)
    expect(world.hits).toBe(100)
  })

  test('for its own target only', async () => {
    const world = await opened()
    const other = { ...routedCall(world.clock), target: targetOf('house', {}, { model: 'other' }) }
    world.answer = 'ok'
    expect(await world.call(other)).toBe('ok')
  })
})

describe('while it is open', () => {
  test('calls are refused without asking the target, and told when to come back', async () => {
    const world = await opened()
    const call = routedCall(world.clock, undefined, { caller: 'web' })
    await world.clock.advance(1_000)
    const refused = await world.call(call)
    expect(refused).toMatchObject({
      reason: 'UPSTREAM_CIRCUIT_OPEN',
      code: 'UNAVAILABLE',
      fallback: true,
      retry: false,
    })
    expect(refused).toMatchObject({ facts: { retryAfter: 4_000, provider: 'house', model: 'm' } })
    expect(world.hits).toBe(20)
    expect(call.context.record.attempts).toMatchObject([
      { provider: 'house', outcome: AttemptOutcome.SKIPPED, reason: 'UPSTREAM_CIRCUIT_OPEN' },
    ])
  })

  test('the failure that opened it asks for no other attempt: that would be refused', async () => {
    const world = new World()
    const passing = new GatewayError('UPSTREAM_OVERLOADED', 'no', { retry: true, fallback: true, retryAfter: 1_000 })
    await world.calls(18, passing)
    expect(await world.call()).toMatchObject({ retry: true })
    expect(await world.call()).toMatchObject({
      reason: 'UPSTREAM_OVERLOADED',
      retry: false,
      facts: { retryAfter: 1_000 },
    })
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test('an answer to a call from before does not close it', async () => {
    const world = new World()
    world.latency = 100
    const early = world.call()
    world.latency = 0
    await world.calls(20, DOWN)
    await world.clock.advance(100)
    expect(await early).toBe('ok')
    expect(world.state).toBe(BreakerState.OPEN)
  })
})

describe('after the cool-down', () => {
  test('one call is the probe, and the others are refused as long as it is under way', async () => {
    const world = await opened()
    await world.clock.advance(5_000)
    world.answer = 'ok'
    world.latency = 1_000
    const probe = world.call()
    expect(world.state).toBe(BreakerState.HALF_OPEN)
    expect(await world.call()).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    await world.clock.advance(1_000)
    expect(await probe).toBe('ok')
    expect(world.state).toBe(BreakerState.CLOSED)
    expect(world.hits).toBe(21)
  })

  test('a call from before that fails only now does not speak for the probe', async () => {
    const world = new World()
    world.answer = DOWN
    world.latency = 5_500
    const early = world.call()
    world.latency = 0
    await world.calls(20, DOWN)
    await world.clock.advance(5_000)
    world.answer = 'ok'
    world.latency = 1_000
    const probe = world.call()
    await world.clock.advance(500)
    expect(await early).toMatchObject({ reason: 'UPSTREAM_ERROR' })
    expect(world.state).toBe(BreakerState.HALF_OPEN)
    await world.clock.advance(500)
    expect(await probe).toBe('ok')
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('what was before it closed counts no more', async () => {
    const world = await opened()
    await world.clock.advance(5_000)
    await world.calls(1, 'ok')
    await world.calls(19, DOWN)
    expect(world.state).toBe(BreakerState.CLOSED)
    await world.calls(1, DOWN)
    expect(world.state).toBe(BreakerState.OPEN)
  })

  test('of probes that fail the cool-down grows, up to a minute', async () => {
    const world = await opened()
    const coolDowns = []
    for (let probe = 0; probe < 6; probe++) {
      coolDowns.push(world.changes.at(-1)?.coolDown)
      await world.clock.advance(coolDowns.at(-1) ?? 0)
      await world.calls(1, DOWN)
    }
    expect(coolDowns).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
    expect(world.hits).toBe(26)
  })

  test('a target that was well again for a minute begins with the first cool-down', async () => {
    const world = await opened()
    const coolDowns = []
    for (const calm of [1_000, 59_000, 60_000]) {
      await world.clock.advance(60_000)
      await world.calls(1, 'ok')
      await world.clock.advance(calm)
      await world.calls(20, DOWN)
      coolDowns.push(world.changes.at(-1)?.coolDown)
    }
    expect(coolDowns).toEqual([10_000, 20_000, 5_000])
  })

  test('a probe that is refused for a reason of its own shows that the target is well', async () => {
    const world = await opened()
    await world.clock.advance(5_000)
    await world.calls(1, error('UPSTREAM_RATE_LIMITED', 429))
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('after a probe that was cut off the next call is one', async () => {
    const world = await opened()
    await world.clock.advance(5_000)
    world.answer = 'hangs'
    const call = routedCall(world.clock)
    const probe = world.call(call)
    call.context.cancellation.cancel(new GatewayError('CANCELLED', 'left'))
    expect(await probe).toMatchObject({ reason: 'CANCELLED' })
    world.answer = 'ok'
    expect(await world.call()).toBe('ok')
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('a probe that nobody hears of again does not keep the target out', async () => {
    const world = await opened()
    await world.clock.advance(5_000)
    world.answer = 'hangs'
    void world.call()
    world.answer = 'ok'
    await world.clock.advance(4_999)
    expect(await world.call()).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    await world.clock.advance(1)
    expect(await world.call()).toBe('ok')
  })
})

describe('failures that a request can cause', () => {
  const askedBy = async (world: World, caller: string, count: number, answer: Answer) => {
    world.answer = answer
    for (let made = 0; made < count; made++) await world.call(world.different(caller))
  }

  test('of one request again and again open nothing, not even for its caller', async () => {
    const world = new World()
    const poisoned = world.different('a')
    world.answer = DOWN
    for (let made = 0; made < 50; made++) await world.call(poisoned)
    expect(world.state).toBe(BreakerState.CLOSED)
    expect(world.hits).toBe(50)
  })

  test('of five different requests of one caller open it for that caller alone', async () => {
    const world = new World()
    await askedBy(world, 'a', 20, DOWN)
    expect(await world.call(world.different('a'))).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    world.answer = 'ok'
    expect(await world.call(world.different('b'))).toBe('ok')
    expect(await world.call(world.different('a'))).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
  })

  test('that two callers see open it for both', async () => {
    const world = new World()
    const [one, other] = [world.different('a'), world.different('b')]
    world.answer = DOWN
    for (let made = 0; made < 10; made++) {
      await world.call(one)
      await world.call(other)
    }
    expect(world.state).toBe(BreakerState.OPEN)
    expect(await world.call(one)).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    expect(await world.call(other)).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    expect(world.hits).toBe(20)
  })

  test('leave out a caller only once it has seen one itself', async () => {
    const world = new World()
    await askedBy(world, 'a', 20, DOWN)
    expect(await world.call(world.different('b'))).toMatchObject({ reason: 'UPSTREAM_ERROR' })
    expect(await world.call(world.different('b'))).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    expect(world.hits).toBe(21)
  })

  test('are closed by the probe of a caller that saw them', async () => {
    const world = new World()
    await askedBy(world, 'a', 20, DOWN)
    await world.clock.advance(5_000)
    await askedBy(world, 'a', 1, 'ok')
    expect(world.state).toBe(BreakerState.CLOSED)
  })

  test('are remembered for 64 callers at most', async () => {
    const world = new World()
    for (let caller = 0; caller < 500; caller++) await askedBy(world, `caller-${caller}`, 1, DOWN)
    expect(world.hits).toBeGreaterThanOrEqual(500 - 64)
    world.answer = 'ok'
    expect(await world.call(world.different('innocent'))).toBe('ok')
  })
})

describe("failures that are the target's for certain", () => {
  const GONE = new GatewayError('UPSTREAM_UNREACHABLE', 'no')

  test('open it for everybody, whoever sees them and with whatever request', async () => {
    const world = new World()
    const same = world.different('a')
    world.answer = GONE
    for (let made = 0; made < 20; made++) await world.call(same)
    expect(await world.call(world.different('b'))).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
    expect(world.hits).toBe(20)
  })

  test('open it for everybody where it was open for one caller', async () => {
    const world = new World()
    await world.calls(20, DOWN)
    world.answer = GONE
    for (let made = 0; made < 20; made++) await world.call(world.different(`caller-${made}`))
    expect(await world.call(world.different('another'))).toMatchObject({ reason: 'UPSTREAM_CIRCUIT_OPEN' })
  })
})

test('a limit that the caller chose opens nothing', async () => {
  const world = new World()
  await world.calls(50, new GatewayError('UPSTREAM_TIMEOUT', 'late', { blame: 'request' }))
  expect(world.hits).toBe(50)
})

test('chats and embeddings of one model have a breaker each', async () => {
  const world = await opened()
  world.answer = 'ok'
  expect(world.circuits.of(targetOf('house'), 'embed').state).toBe(BreakerState.CLOSED)
})

test('every change is told once', async () => {
  const world = await opened()
  await world.clock.advance(5_000)
  await world.calls(3, 'ok')
  expect(world.changes).toEqual([
    { provider: 'house', model: 'm', state: BreakerState.OPEN, coolDown: 5_000 },
    { provider: 'house', model: 'm', state: BreakerState.HALF_OPEN, coolDown: 0 },
    { provider: 'house', model: 'm', state: BreakerState.CLOSED, coolDown: 0 },
  ])
})

test('models that callers make up are forgotten, and those that are out of service are not', async () => {
  const world = await opened()
  const early = targetOf('house', {}, { model: 'made-up-0' })
  const circuit = world.circuits.of(early, 'chat')
  for (let index = 0; index < 2_500; index++) {
    await world.call({ ...routedCall(world.clock), target: targetOf('house', {}, { model: `made-up-${index}` }) })
  }
  expect(world.state).toBe(BreakerState.OPEN)
  expect(world.circuits.of(early, 'chat')).not.toBe(circuit)
})
