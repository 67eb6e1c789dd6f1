import { expect, test } from 'vitest'
import type { Target } from '../../../src/domain/calls/facts.ts'
import type { KeyUse } from '../../../src/domain/ports/keys.ts'
import type { Provider } from '../../../src/domain/ports/provider.ts'
import type { LockState } from '../../../src/domain/ports/safety-locks.ts'
import { SafetyLocks } from '../../../src/policies/routing/safety-locks.ts'
import { FakeClock } from '../../support/fake-clock.ts'

/** A lock of the provider `cloud`, whose models are limited until the given times. */
function lockOver(freeAt: Record<string, number>) {
  const clock = new FakeClock()
  const reported: LockState[] = []
  const target = (name: string, model: string): Target => {
    const keys = { wait: ({ model }: KeyUse) => Math.max(0, (freeAt[model] ?? 0) - clock.now()) }
    return { provider: { name, keys } as unknown as Provider, model, defaults: {} } // all that a lock looks at
  }
  const locks = new SafetyLocks({
    clock,
    spares: [{ provider: 'cloud', target: target('house', 'small') }],
    events: { safetyLockChanged: (state) => reported.push(state) },
  })
  return {
    clock,
    locks,
    reported,
    divert: (model: string) => locks.of('cloud')?.divert(target('cloud', model), { model, task: 'chat' }),
  }
}

test('a lock falls with the first call and is lifted when a key is back, each told once', async () => {
  const { clock, locks, reported, divert } = lockOver({ m: 4_000 })
  expect(locks.states()).toMatchObject([{ provider: 'cloud', target: 'house/small', locked: false, diverted: 0 }])
  for (let call = 0; call < 5; call++) divert('m')
  expect(locks.states()).toMatchObject([{ locked: true, diverted: 5 }])
  await clock.advance(2_990)
  expect(reported.map(({ locked }) => locked)).toEqual([true])
  await clock.advance(10)
  expect(reported.map(({ locked }) => locked)).toEqual([true, false])
  expect(clock.waiting).toBe(0)
})

test('a provider is locked as long as one of its models is', async () => {
  const { clock, reported, divert } = lockOver({ m: 4_000, n: 9_000 })
  divert('m')
  divert('n')
  await clock.advance(7_900)
  expect(reported).toHaveLength(1)
  await clock.advance(100)
  expect(reported).toHaveLength(2)
})

test('a lock whose end is not known is lifted soon after it has come', async () => {
  const freeAt: Record<string, number> = { m: Number.POSITIVE_INFINITY }
  const { clock, locks, divert } = lockOver(freeAt)
  divert('m')
  await clock.advance(60_000)
  expect(locks.states()).toMatchObject([{ locked: true }])
  freeAt['m'] = 0
  await clock.advance(5_000)
  expect(locks.states()).toMatchObject([{ locked: false }])
  expect(clock.waiting).toBe(0)
})

test('a provider without one has none', () => {
  expect(lockOver({}).locks.of('house')).toBeUndefined()
})
