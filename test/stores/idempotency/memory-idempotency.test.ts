import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyedCall } from '../../../src/domain/ports/idempotency.ts'
import { MemoryIdempotency } from '../../../src/stores/idempotency/memory-idempotency.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { keptText, keyedCall } from '../../support/keyed-calls.ts'

const TTL = 1_000

function storeOf(maxBytes = 1 << 20) {
  const clock = new FakeClock()
  const store = new MemoryIdempotency({ clock, ttl: TTL, maxBytes })
  return { clock, store, stateOf: (call: KeyedCall) => store.claim(call).state }
}

describe('the memory of idempotency keys', () => {
  test('has the result of a key for its time', async () => {
    const { clock, store, stateOf } = storeOf()
    const call = keyedCall('a')
    expect(stateOf(call)).toBe('free')
    expect(store.keep(call, keptText('hello'))).toBe(true)
    expect(store.claim({ ...call, callId: 'another' })).toEqual({ state: 'done', result: keptText('hello') })
    expect(stateOf({ ...call, fingerprint: 'another request' })).toBe('reused')
    await clock.advance(TTL - 1)
    expect(stateOf(call)).toBe('done')
    await clock.advance(1)
    expect(stateOf(call)).toBe('free')
  })

  test('has the key alone of a call without a result, or with one that is too large', async () => {
    const { clock, store, stateOf } = storeOf()
    for (const [key, kept] of [
      ['a', undefined],
      ['b', keptText('x'.repeat(1 << 20))],
    ] as const) {
      const call = keyedCall(key)
      expect(store.keep(call, kept)).toBe(false)
      expect(store.claim(call)).toEqual({ state: 'not kept', callId: call.callId })
    }
    await clock.advance(TTL)
    expect(stateOf(keyedCall('a'))).toBe('free')
  })

  test('keeps no more results of who has most', () => {
    const { store, stateOf } = storeOf(40_000)
    const large = ['1', '2', '3', '4', '5', '6'].map((key) => keyedCall(key))
    const kept = large.map((call) => store.keep(call, keptText('x'.repeat(10_000))))
    expect(kept).toEqual([true, true, true, false, false, false])
    expect(large.map(stateOf)).toEqual(['done', 'done', 'done', 'not kept', 'not kept', 'not kept'])
  })

  test('takes the oldest result of who has most for one of another caller, and lets the key stand', () => {
    const { store, stateOf } = storeOf(40_000)
    const large = ['1', '2', '3'].map((key) => keyedCall(key))
    for (const call of large) store.keep(call, keptText('x'.repeat(10_000)))
    const other = keyedCall('other', { holder: 'bob' })
    expect(store.keep(other, keptText('y'.repeat(10_000)))).toBe(true)
    expect(large.map(stateOf)).toEqual(['not kept', 'done', 'done'])
    expect(stateOf(other)).toBe('done')
  })

  test('takes the oldest key of who has most where there is no more room for keys', () => {
    const { store, stateOf } = storeOf(40_000)
    const other = keyedCall('other', { holder: 'bob' })
    store.keep(other, undefined)
    const calls = Array.from({ length: 200 }, (_, index) => keyedCall(String(index)))
    for (const call of calls) store.keep(call, undefined)
    expect(stateOf(other)).toBe('not kept')
    const remembered = calls.map(stateOf).filter((state) => state === 'not kept').length
    expect(remembered).toBeGreaterThanOrEqual(50)
    expect(calls.slice(-remembered).map(stateOf)).toEqual(Array(remembered).fill('not kept'))
  })

  test('never takes from who has less than an equal share, whatever the others do', () => {
    const step = fc.record({ holder: fc.constantFrom('a', 'b', 'c'), length: fc.nat(9_000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { store, stateOf } = storeOf(100_000)
        // Less than a quarter of the room: its result and its key.
        const mine = [1, 2].map((key) => keyedCall(`mine ${key}`, { holder: 'mine' }))
        for (const call of mine) store.keep(call, keptText('x'.repeat(8_000)))
        steps.forEach(({ holder, length }, index) => {
          store.keep(keyedCall(`${index}`, { holder }), length < 500 ? undefined : keptText('y'.repeat(length)))
        })
        expect(mine.map(stateOf)).toEqual(['done', 'done'])
      }),
    )
  })
})
