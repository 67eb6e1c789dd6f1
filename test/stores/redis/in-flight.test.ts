import { expect, test } from 'vitest'
import { InFlight } from '../../../src/stores/redis/in-flight.ts'
import { FakeClock } from '../../support/fake-clock.ts'

function world() {
  const clock = new FakeClock()
  let silences = 0
  const inFlight = new InFlight(clock, 200, () => {
    silences++
    inFlight.abandon()
  })
  const replies: unknown[] = []
  return { clock, inFlight, replies, add: () => inFlight.add((reply) => replies.push(reply)), silences: () => silences }
}

test('replies reach those who wait, once', () => {
  const { inFlight, replies, add } = world()
  const [first, second] = [add(), add()]
  second('b')
  expect(inFlight.size).toBe(2)
  first('a')
  first('again')
  expect(replies).toEqual(['b', 'a'])
  expect(inFlight.size).toBe(0)
})

test('a command that is not answered for the whole time is silence, and all that wait are told', async () => {
  const { clock, inFlight, replies, add, silences } = world()
  add()
  await clock.advance(150)
  add()
  expect(silences()).toBe(0)
  await clock.advance(50)
  expect(silences()).toBe(1)
  expect(replies).toEqual([undefined, undefined])
  expect([inFlight.size, clock.waiting]).toEqual([0, 0])
})

test('steady answers are no silence, however long they go on', async () => {
  const { clock, add, silences } = world()
  let answer = add()
  for (let turn = 0; turn < 50; turn++) {
    const next = add()
    await clock.advance(70)
    answer('ok')
    answer = next
  }
  expect(silences()).toBe(0)
})

test('no timer is left when nobody waits', async () => {
  const { clock, add } = world()
  add()('ok')
  await clock.advance(50)
  expect(clock.waiting).toBe(0)
})
