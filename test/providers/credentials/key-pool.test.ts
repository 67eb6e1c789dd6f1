import { describe, expect, test } from 'vitest'
import { type ErrorFacts, GatewayError } from '../../../src/domain/errors/error.ts'
import type { Reason } from '../../../src/domain/errors/reasons.ts'
import type { KeyEvent, KeyLease } from '../../../src/domain/ports/keys.ts'
import { ProviderKeyPool } from '../../../src/providers/credentials/key-pool.ts'
import { FakeClock } from '../../support/fake-clock.ts'

function poolOf(keyIds: readonly string[], probe: (keyId: string) => Promise<unknown> = async () => []) {
  const clock = new FakeClock()
  const event: KeyEvent[] = []
  const probed: string[] = []
  const pool = new ProviderKeyPool({
    provider: 'p',
    keyIds,
    clock,
    probe(keyId) {
      probed.push(keyId)
      return probe(keyId)
    },
    events: { keyChanged: (item) => void event.push(item) },
  })
  const take = (model = 'm'): KeyLease => {
    const lease = pool.take({ model, task: 'chat' }, () => ({ caller: 'c', request: 'r' }))
    if (!lease) throw new Error('no key is left')
    return lease
  }
  /** One attempt from its beginning to its end; returns the key that it had. */
  const attempt = (error?: GatewayError, model = 'm') => {
    const lease = take(model)
    void lease.end(error)
    return lease.keyId
  }
  const free = (model = 'm') => pool.take({ model, task: 'chat' }, () => ({ caller: 'c', request: 'r' }))
  return {
    clock,
    pool,
    free,
    wait: (model = 'm') => pool.wait({ model, task: 'chat' }),
    event,
    probed,
    take,
    attempt,
    statusOf: (id: string) => pool.list().find((key) => key.keyId === id),
  }
}

function trouble(reason: Reason, facts: ErrorFacts = {}): GatewayError {
  return new GatewayError(reason, 'no', facts)
}

const limited = (retryAfter?: number) =>
  trouble('UPSTREAM_RATE_LIMITED', retryAfter === undefined ? {} : { retryAfter })
const refused = trouble('UPSTREAM_CREDENTIALS')
const failed = trouble('UPSTREAM_ERROR')

describe('the next key is', () => {
  test('the preferred one while it can be used, however busy it is', () => {
    const { pool, attempt } = poolOf(['a', 'b', 'c'])
    const prefer = (tried?: ReadonlySet<string>) =>
      pool.take({ model: 'm', task: 'chat', prefer: 'b' }, () => ({ caller: 'c', request: 'r' }), tried)?.keyId
    expect([prefer(), prefer(), prefer()]).toEqual(['b', 'b', 'b'])
    expect(prefer(new Set(['b']))).not.toBe('b')
    attempt(limited(60_000))
    attempt(limited(60_000))
    expect(prefer()).toBe('b')
  })

  test('each in its turn, while all have as much to do', () => {
    const { attempt } = poolOf(['a', 'b', 'c'])
    expect([1, 2, 3, 4, 5].map(() => attempt())).toEqual(['a', 'b', 'c', 'a', 'b'])
  })

  test('the one with the fewest attempts under way', () => {
    const { take } = poolOf(['a', 'b', 'c'])
    const [a, b] = [take(), take(), take()]
    void b?.end()
    expect(take().keyId).toBe('b')
    void a?.end()
    expect(take().keyId).toBe('a')
  })

  test('not the one that keeps failing, until its failures lie back or the others are busy', async () => {
    const { take, attempt, clock } = poolOf(['a', 'b'])
    for (let failures = 0; failures < 6; ) {
      const lease = take()
      failures += lease.keyId === 'a' ? 1 : 0
      void lease.end(lease.keyId === 'a' ? failed : undefined)
      await clock.advance(100)
      if (failures === 2) break
    }
    expect([1, 2, 3].map(() => attempt())).toEqual(['b', 'b', 'b'])
    const busy = take()
    expect([busy.keyId, take().keyId]).toEqual(['b', 'a'])
    await clock.advance(120_000)
    void busy.end()
    expect(new Set([attempt(), attempt()])).toContain('b')
  })

  test("as good as before after a caller's own fault or a call that was cancelled", () => {
    const { attempt, statusOf } = poolOf(['a'])
    attempt(new GatewayError('UPSTREAM_INVALID_REQUEST', 'no'))
    attempt(new GatewayError('CANCELLED', 'gone'))
    expect(statusOf('a')).toMatchObject({ requests: 2, errors: 0, successRate: 1, active: 0 })
  })
})

describe('a rate limit', () => {
  test('lets the key rest for that model as long as the vendor says', async () => {
    const { attempt, event, clock, statusOf, free } = poolOf(['a', 'b'])
    attempt(limited(5_000))
    expect([attempt(), attempt()]).toEqual(['b', 'b'])
    expect([attempt(undefined, 'n'), attempt(undefined, 'n')].sort()).toEqual(['a', 'b'])
    const until = clock.wall() + 5_000
    expect(statusOf('a')).toMatchObject({
      state: 'cooling',
      cooling: [{ model: 'm', until, reason: 'UPSTREAM_RATE_LIMITED' }],
    })
    expect(event).toEqual([
      { provider: 'p', keyId: 'a', change: 'cooled', model: 'm', task: 'chat', until, reason: 'UPSTREAM_RATE_LIMITED' },
    ])
    await clock.advance(4_990)
    expect(free('m')?.keyId).toBe('b')
    await clock.advance(10)
    expect(free('m')?.keyId).toBe('a')
    expect(statusOf('a')?.state).toBe('available')
  })

  test('that does not say how long lets it rest twice as long each time, up to a minute', async () => {
    const { attempt, clock, wait } = poolOf(['a'])
    const rests: number[] = []
    for (let time = 0; time < 10; time++) {
      attempt(limited())
      rests.push(wait('m'))
      await clock.advance(wait('m'))
    }
    expect(rests).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    attempt()
    attempt(limited())
    expect(wait('m')).toBe(250)
  })

  test('of attempts that were under way together counts once, and the longest rest holds', () => {
    const { take, event, wait } = poolOf(['a'])
    const leases = [take(), take(), take(), take()]
    void leases[0]?.end(limited())
    void leases[1]?.end(limited())
    expect(wait('m')).toBe(250)
    void leases[2]?.end(limited(3_000))
    void leases[3]?.end(limited(1_000))
    expect(wait('m')).toBe(3_000)
    expect(event).toHaveLength(2)
  })

  test('that asks for no wait at all makes no key rest', () => {
    const { attempt, event, wait } = poolOf(['a'])
    attempt(limited(0))
    expect(wait('m')).toBe(0)
    expect(attempt()).toBe('a')
    expect(event).toEqual([])
  })

  test('outlasts the success of an attempt that began before it', () => {
    const { take, wait } = poolOf(['a'])
    const early = take()
    void take().end(limited(3_000))
    void early.end()
    expect(wait('m')).toBe(3_000)
  })

  test('is not remembered for more models than a caller can name', () => {
    const { attempt, statusOf } = poolOf(['a'])
    for (let model = 0; model < 1_500; model++) attempt(limited(60_000), `m${model}`)
    expect(statusOf('a')?.cooling).toHaveLength(1_000)
    expect(statusOf('a')?.cooling.at(-1)?.model).toBe('m1499')
  })
})

describe('a refused key', () => {
  test('is used for no model, until the vendor takes it again', async () => {
    const { attempt, probed, event, clock, statusOf } = poolOf(['a', 'b'])
    attempt(refused)
    expect([attempt(), attempt(undefined, 'n')]).toEqual(['b', 'b'])
    const probeAt = clock.wall() + 30_000
    expect(statusOf('a')).toMatchObject({ state: 'quarantined', reason: 'UPSTREAM_CREDENTIALS', probeAt })
    await clock.advance(29_999)
    expect(probed).toEqual([])
    await clock.advance(1)
    expect(probed).toEqual(['a'])
    expect(statusOf('a')).toMatchObject({ state: 'available', reason: '' })
    expect(event.map(({ change }) => change)).toEqual(['quarantined', 'recovered'])
    expect(clock.waiting).toBe(0)
  })

  test('is tried at twice the distance each time, up to ten minutes', async () => {
    const at: number[] = []
    const { attempt, clock, statusOf } = poolOf(['a'], async () => {
      at.push(clock.now())
      throw refused
    })
    const start = clock.now()
    attempt(refused)
    await clock.advance(30 * 60_000)
    expect(at.map((time) => (time - start) / 1_000)).toEqual([30, 90, 210, 450, 930, 1_530])
    expect(statusOf('a')?.state).toBe('quarantined')
  })

  test('that fails anew after it was taken again waits longer, until an attempt succeeds', async () => {
    const { attempt, clock, statusOf } = poolOf(['a'])
    attempt(refused)
    await clock.advance(30_000)
    attempt(refused)
    expect(statusOf('a')?.probeAt).toBe(clock.wall() + 60_000)
    await clock.advance(60_000)
    attempt()
    attempt(refused)
    expect(statusOf('a')?.probeAt).toBe(clock.wall() + 30_000)
  })

  test('is tried once, however many attempts it has failed', async () => {
    const { take, clock, event, probed } = poolOf(['a'])
    for (const lease of [take(), take(), take()]) void lease.end(refused)
    expect(clock.waiting).toBe(1)
    await clock.advance(30_000)
    expect(probed).toEqual(['a'])
    expect(event).toHaveLength(2)
  })

  test('is used again where the vendor lists no models for anybody', async () => {
    const { attempt, clock, statusOf } = poolOf(['a'], () =>
      Promise.reject(trouble('UPSTREAM_MODEL_MISSING', { upstream: { status: 404 } })),
    )
    attempt(refused)
    await clock.advance(30_000)
    expect(statusOf('a')?.state).toBe('available')
  })

  test('is not tried once the provider is closed', async () => {
    const { attempt, pool, clock, probed } = poolOf(['a', 'b'])
    attempt(refused)
    pool.close()
    attempt(refused)
    expect(clock.waiting).toBe(0)
    await clock.advance(60_000)
    expect(probed).toEqual([])
  })

  test('does not exist where there is no key', () => {
    const { attempt, statusOf } = poolOf([''])
    attempt(refused)
    expect(statusOf('')?.state).toBe('available')
  })
})

describe('with every key out', () => {
  test('there is none, and why and for how long is told by the one that is back first', async () => {
    const { attempt, pool, clock, free } = poolOf(['a', 'b', 'c'])
    attempt(limited(9_000))
    attempt(limited(5_000))
    attempt(refused)
    await clock.advance(1_000)
    expect(free('m')).toBeUndefined()
    expect(pool.refusal({ model: 'm', task: 'chat' })).toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      fallback: true,
      retry: false,
      facts: { provider: 'p', model: 'm', retryAfter: 4_000 },
    })
    expect(free('n')?.keyId).toBeDefined()
  })

  test('the last refusal is told where no return is known', async () => {
    const { attempt, pool, clock, wait } = poolOf(['a', 'b'])
    attempt(refused)
    await clock.advance(1)
    attempt(trouble('UPSTREAM_QUOTA_EXHAUSTED'))
    const { reason, facts } = pool.refusal({ model: 'm', task: 'chat' })
    expect(reason).toBe('UPSTREAM_QUOTA_EXHAUSTED')
    expect(facts.retryAfter).toBeUndefined()
    expect(wait('m')).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('what is heard from elsewhere', () => {
  test('counts as if it had happened here, and is not told on', async () => {
    const here = poolOf(['a', 'b'])
    const there = poolOf(['a', 'b'])
    there.attempt(limited(5_000))
    there.attempt(refused)
    for (const item of there.event) here.pool.apply(item)
    expect(here.free('m')).toBeUndefined()
    expect(here.statusOf('a')).toMatchObject({ state: 'cooling' })
    expect(here.statusOf('b')).toMatchObject({ state: 'quarantined', reason: 'UPSTREAM_CREDENTIALS' })
    here.pool.apply({ provider: 'p', keyId: 'b', change: 'recovered' })
    expect(here.free('m')?.keyId).toBe('b')
    expect(here.event).toEqual([])
    expect(here.clock.waiting).toBe(0)
  })

  test('about another key, or about a rest that is over, changes nothing', () => {
    const { pool, clock, statusOf } = poolOf(['a'])
    pool.apply({ provider: 'p', keyId: 'z', change: 'quarantined', reason: 'UPSTREAM_CREDENTIALS' })
    const until = clock.wall() - 1
    pool.apply({
      provider: 'p',
      keyId: 'a',
      change: 'cooled',
      model: 'm',
      task: 'chat',
      until,
      reason: 'UPSTREAM_RATE_LIMITED',
    })
    expect(statusOf('a')?.state).toBe('available')
  })

  test('during a trial makes its outcome void', async () => {
    let answer = () => {}
    const { attempt, pool, clock, statusOf } = poolOf(
      ['a'],
      () =>
        new Promise<void>((resolve) => {
          answer = resolve
        }),
    )
    attempt(refused)
    await clock.advance(30_000)
    pool.apply({ provider: 'p', keyId: 'a', change: 'recovered' })
    attempt(refused)
    answer()
    await clock.advance(0)
    expect(statusOf('a')?.state).toBe('quarantined')
    expect(clock.waiting).toBe(1)
  })
})

test('what became of each key is counted', async () => {
  const { attempt, take, clock, statusOf } = poolOf(['a'])
  attempt()
  attempt(failed)
  await clock.advance(1_000)
  take()
  expect(statusOf('a')).toMatchObject({ requests: 3, errors: 1, active: 1, lastUsed: clock.wall() })
  expect(statusOf('a')?.successRate).toBeCloseTo(0.9, 1)
})

describe('a doubtful answer', () => {
  const forbidden = trouble('UPSTREAM_FORBIDDEN')
  const witness = (caller: string, request: string) => () => ({ caller, request })
  const use = (caller: string, model = 'm') => ({ model, task: 'chat', caller }) as const

  test('puts no key aside, however often one request gets it', () => {
    const { pool, event, wait } = poolOf(['a'])
    for (let time = 0; time < 20; time++) void pool.take(use('a'), witness('a', 'same'))?.end(forbidden)
    expect(wait()).toBe(0)
    expect(pool.wait(use('a'))).toBe(0)
    expect(event).toEqual([])
  })

  test('that three different requests got keeps their callers from the key, longer each time, and nobody else', async () => {
    const { pool, clock, event } = poolOf(['a'])
    const rests: number[] = []
    for (let round = 0; round < 6; round++) {
      for (const request of ['1', '2', '3']) {
        void pool.take(use('a'), witness('a', request + round))?.end(forbidden)
      }
      rests.push(pool.wait(use('a')))
      expect(pool.wait(use('b'))).toBe(0)
      expect(pool.wait(use('a', 'other'))).toBe(0)
      expect(pool.wait({ ...use('a'), task: 'embed' })).toBe(0)
      await clock.advance(pool.wait(use('a')))
    }
    expect(rests).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 600_000])
    expect(pool.list()[0]).toMatchObject({ state: 'available', reason: '' })
    expect(event).toEqual([])
  })

  test('is forgotten with the first success', () => {
    const { pool } = poolOf(['a'])
    for (const request of ['1', '2', '3']) void pool.take(use('a'), witness('a', request))?.end(forbidden)
    expect(pool.wait(use('a'))).toBe(30_000)
    void pool.take(use('b'), witness('b', '4'))?.end()
    expect(pool.wait(use('a'))).toBe(0)
  })
})

describe('a key whose quarantine no free request can end', () => {
  test('is tried by one call at a time, and its success ends it everywhere', async () => {
    const { take, attempt, free, clock, event, probed } = poolOf(['a'])
    attempt(trouble('UPSTREAM_QUOTA_EXHAUSTED'))
    await clock.advance(30_000)
    expect(probed).toEqual([])
    const trial = take()
    expect(free()).toBeUndefined()
    void trial.end()
    expect(attempt()).toBe('a')
    expect(event.map(({ change }) => change)).toEqual(['quarantined', 'recovered'])
  })

  test('is left alone for longer when the trial fails', async () => {
    const { attempt, wait, clock } = poolOf(['a'])
    attempt(trouble('UPSTREAM_QUOTA_EXHAUSTED'))
    await clock.advance(30_000)
    attempt(trouble('UPSTREAM_QUOTA_EXHAUSTED'))
    await clock.advance(30_000)
    expect(wait()).toBe(Number.POSITIVE_INFINITY)
    await clock.advance(30_000)
    expect(wait()).toBe(0)
  })
})

test('a model that the vendor does not know rests for a minute, and other gateways are not told', async () => {
  const { attempt, wait, clock, event } = poolOf(['a'])
  attempt(trouble('UPSTREAM_MODEL_MISSING', { blame: 'key for model' }))
  await clock.advance(59_000)
  expect(wait()).toBe(1_000)
  expect(wait('other')).toBe(0)
  expect(event).toEqual([])
})

test('a rest for chats is none for embeddings', () => {
  const { attempt, pool } = poolOf(['a'])
  attempt(limited(5_000))
  expect(pool.wait({ model: 'm', task: 'embed' })).toBe(0)
})

test('an account outage puts every key aside, and is reported with the last one alone', () => {
  const { attempt, event, free } = poolOf(['a', 'b', 'c'])
  for (let key = 0; key < 3; key++) attempt(refused)
  expect(free()).toBeUndefined()
  expect(event.map((item) => 'isLast' in item)).toEqual([false, false, true])
})
