import { expect, test } from 'vitest'
import type { Quota, RateLimits } from '../../../src/domain/limits/limits.ts'
import { MemoryLimiter } from '../../../src/stores/limits/memory-limiter.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const quota = (limits: Partial<RateLimits>, subject = 'web'): Quota => ({
  scope: 'caller',
  subject,
  name: subject,
  limits: { window: 60_000, ...limits },
})

function world(options: { share?: number; maxSubjects?: number } = {}) {
  const clock = new FakeClock()
  const limiter = new MemoryLimiter({ clock, ...options })
  let calls = 0
  const reserve = (quotas: Quota | Quota[], tokens = 0, enforced = true) =>
    limiter.reserve(`call-${calls++}`, [quotas].flat(), tokens, enforced)
  return { clock, limiter, reserve }
}

test('so many requests go through in a window, and again in the next one', async () => {
  const { clock, reserve } = world()
  const through = () => Array.from({ length: 5 }, () => reserve(quota({ requests: 3 })).refusal === undefined)
  expect(through()).toEqual([true, true, true, false, false])
  await clock.advance(59_999)
  expect(through()).toEqual([false, false, false, false, false])
  await clock.advance(1)
  expect(through()).toEqual([true, true, true, false, false])
})

test('each call tells what is left, and until when', async () => {
  const { clock, reserve } = world()
  expect(reserve(quota({ requests: 2 })).limitStatus).toMatchObject({ limit: 2, remaining: 1, reset: 60_000 })
  await clock.advance(20_000)
  expect(reserve(quota({ requests: 2 })).limitStatus).toMatchObject({ remaining: 0, reset: 40_000 })
  expect(reserve(quota({ requests: 2 })).limitStatus).toMatchObject({ kind: 'requests', remaining: 0, reset: 40_000 })
})

test('of several limits the one of requests is told that is nearest', () => {
  const { reserve } = world()
  const quotas = [quota({ requests: 100, tokens: 10 }), quota({ requests: 10, concurrent: 1 }, 'other')]
  expect(reserve(quotas, 5).limitStatus).toMatchObject({ kind: 'requests', limit: 10, remaining: 9 })
  expect(reserve(quota({ tokens: 10 }, 'third'), 5).limitStatus).toMatchObject({ kind: 'tokens', remaining: 5 })
})

test('tokens are reserved before a call and corrected after it', () => {
  const { reserve } = world()
  const first = reserve(quota({ tokens: 1000 }), 600)
  expect(reserve(quota({ tokens: 1000 }), 600).refusal).toMatchObject({ kind: 'tokens', limit: 1000, remaining: 400 })
  first.settle(100)
  first.settle(0)
  const second = reserve(quota({ tokens: 1000 }), 600)
  expect(second.limitStatus).toMatchObject({ remaining: 300 })
  second.settle(1200)
  expect(reserve(quota({ tokens: 1000 }), 1).refusal).toMatchObject({ remaining: 0 })
})

test('a call of unknown use keeps what it has reserved', () => {
  const { reserve } = world()
  reserve(quota({ tokens: 1000 }), 600).settle(undefined)
  expect(reserve(quota({ tokens: 1000 }), 600).refusal).toBeDefined()
})

test('a call that is larger than the limit waits for an empty window', async () => {
  const { clock, reserve } = world()
  reserve(quota({ tokens: 1000 }), 10)
  expect(reserve(quota({ tokens: 1000 }), 5000).refusal).toBeDefined()
  await clock.advance(60_000)
  expect(reserve(quota({ tokens: 1000 }), 5000).refusal).toBeUndefined()
})

test('what ends in the next window does not change it', async () => {
  const { clock, reserve } = world()
  const old = reserve(quota({ tokens: 1000 }), 900)
  await clock.advance(60_000)
  reserve(quota({ tokens: 1000 }), 500)
  old.settle(0)
  expect(reserve(quota({ tokens: 1000 }), 501).refusal).toMatchObject({ remaining: 500 })
})

test('a place is free again when its call has ended', async () => {
  const { clock, limiter, reserve } = world()
  const first = reserve(quota({ concurrent: 2 }))
  reserve(quota({ concurrent: 2 }))
  expect(reserve(quota({ concurrent: 2 })).refusal).toMatchObject({ kind: 'concurrent', remaining: 0, reset: 1_000 })
  await clock.advance(600_000)
  expect(reserve(quota({ concurrent: 2 })).refusal).toBeDefined()
  first.settle(0)
  first.settle(0)
  expect(limiter.active).toBe(1)
  expect(reserve(quota({ concurrent: 2 })).refusal).toBeUndefined()
  expect(reserve(quota({ concurrent: 2 })).refusal).toBeDefined()
})

test('a call that one limit refuses counts against no other', () => {
  const { limiter, reserve } = world()
  const full = quota({ requests: 1 }, 'full')
  const other = quota({ requests: 2, concurrent: 1 }, 'other')
  reserve(full)
  for (let call = 0; call < 5; call++) expect(reserve([other, full]).refusal?.quota.subject).toBe('full')
  expect(limiter.active).toBe(1)
  expect(reserve(other).limitStatus).toMatchObject({ remaining: 1 })
})

test('subjects and scopes do not share', () => {
  const { reserve } = world()
  reserve(quota({ requests: 1 }))
  expect(reserve(quota({ requests: 1 }, 'other')).refusal).toBeUndefined()
  expect(reserve({ ...quota({ requests: 1 }), scope: 'alias' }).refusal).toBeUndefined()
})

test('a limit that is not enforced is told and counted', () => {
  const { reserve } = world()
  const refusals = Array.from({ length: 3 }, () => reserve(quota({ requests: 1 }), 0, false).refusal !== undefined)
  expect(refusals).toEqual([false, true, true])
})

test('a share is a part of each limit, and never nothing', () => {
  const { reserve } = world({ share: 1 / 3 })
  const through = Array.from({ length: 5 }, () => reserve(quota({ requests: 10 })).refusal === undefined)
  expect(through).toEqual([true, true, true, false, false])
  expect(reserve(quota({ requests: 2 }, 'other')).refusal).toBeUndefined()
})

test('subjects are bounded: the one that was used the longest ago begins anew', () => {
  const { reserve } = world({ maxSubjects: 2 })
  const refused = (subject: string) => reserve(quota({ requests: 1 }, subject)).refusal !== undefined
  expect([refused('a'), refused('b'), refused('a'), refused('c'), refused('a'), refused('b')]).toEqual([
    false,
    false,
    true,
    false,
    true,
    false,
  ])
})

const shared = (tokens: number, holder: string): Quota => ({ ...quota({ tokens }, 'alias'), scope: 'alias', holder })

test('running calls of one caller take at most half of a limit from the others', () => {
  const { reserve } = world()
  const huge = reserve(shared(1_000, 'key:a'), 2_000_000_000)
  expect(huge.refusal).toBeUndefined()
  const others = [1, 2, 3].map(() => reserve(shared(1_000, 'key:b'), 200).refusal?.kind)
  expect(others).toEqual([undefined, undefined, 'tokens'])
})

test('however many of its calls run, one caller leaves the others their half', () => {
  const { reserve } = world()
  const mine = Array.from({ length: 12 }, () => reserve(shared(1_000, 'key:a'), 100).refusal?.kind)
  expect(mine.filter((kind) => kind === undefined)).toHaveLength(10)
  expect(reserve(shared(1_000, 'key:b'), 500).refusal).toBeUndefined()
  expect(reserve(shared(1_000, 'key:c'), 1).refusal?.kind).toBe('tokens')
})

test('what calls have used counts for everybody', () => {
  const { reserve } = world()
  reserve(shared(1_000, 'key:a'), 400).settle(900)
  expect(reserve(shared(1_000, 'key:b'), 200).refusal?.kind).toBe('tokens')
  expect(reserve(shared(1_000, 'key:b'), 100).refusal).toBeUndefined()
})

test('a share is free again when its calls have ended, and in the next window', async () => {
  const { reserve, clock } = world()
  const calls = Array.from({ length: 10 }, () => reserve(shared(1_000, 'key:a'), 100))
  for (const call of calls) call.settle(0)
  expect(reserve(shared(1_000, 'key:a'), 500).limitStatus?.remaining).toBe(500)
  await clock.advance(60_000)
  expect(reserve(shared(1_000, 'key:b'), 500).limitStatus?.remaining).toBe(500)
})
