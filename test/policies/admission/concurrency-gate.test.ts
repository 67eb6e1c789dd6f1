import { describe, expect, test } from 'vitest'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { ConcurrencyGate, type Permit } from '../../../src/policies/admission/concurrency-gate.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

function gateOf(limit: number, queue: number) {
  const clock = new FakeClock()
  const gate = new ConcurrencyGate({ clock, limit, queue })
  const inside: { readonly name: string; readonly permit: Permit }[] = []
  const outside: { readonly name: string; readonly reason: string }[] = []
  /** Wants in, and is noted when it is or will never be. */
  const visit = (
    name: string,
    { caller = 'one', background = false, until = 1e9, cancellation = new Cancellation() } = {},
  ) => {
    const enter = async () => gate.enter({ caller, background, until, cancellation })
    enter().then(
      (permit) => inside.push({ name, permit }),
      (error: GatewayError) => outside.push({ name, reason: error.reason }),
    )
  }
  const leave = async () => {
    inside.shift()?.permit.end()
    await settle()
  }
  return { clock, gate, visit, leave, names: () => inside.map(({ name }) => name), inside, outside }
}

test('so many are inside, the others come in as they leave', async () => {
  const { visit, leave, names, gate } = gateOf(2, 10)
  for (const name of ['a', 'b', 'c', 'd']) visit(name)
  await settle()
  expect(names()).toEqual(['a', 'b'])
  expect(gate).toMatchObject({ active: 2, waiting: 2 })
  await leave()
  expect(names()).toEqual(['b', 'c'])
  await leave()
  await leave()
  await leave()
  expect(gate).toMatchObject({ active: 0, waiting: 0, refused: 0 })
})

test('a permit is given back once', async () => {
  const { visit, inside, gate } = gateOf(1, 10)
  visit('a')
  await settle()
  const [{ permit } = { permit: undefined }] = inside
  permit?.end()
  permit?.end()
  expect(gate.active).toBe(0)
})

test('callers take turns, however many calls each of them has', async () => {
  const { visit, leave, names } = gateOf(1, 10)
  visit('inside')
  for (const name of ['a1', 'a2', 'a3']) visit(name, { caller: 'a' })
  visit('b1', { caller: 'b' })
  visit('c1', { caller: 'c' })
  visit('b2', { caller: 'b' })
  await settle()
  const order: string[] = []
  for (let turn = 0; turn < 6; turn++) {
    await leave()
    order.push(...names())
  }
  expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
})

describe('nobody waits', () => {
  test('in a queue that is full', async () => {
    const { visit, outside, gate } = gateOf(1, 1)
    for (const name of ['a', 'b', 'c']) visit(name)
    await settle()
    expect(outside).toEqual([{ name: 'c', reason: 'CONCURRENCY_LIMITED' }])
    expect(gate).toMatchObject({ active: 1, waiting: 1, refused: 1 })
  })

  test('in a full queue of others, the newest call of the caller that has most makes room', async () => {
    const { visit, outside, gate } = gateOf(1, 4)
    visit('inside')
    for (const name of ['a1', 'a2', 'a3', 'a4']) visit(name, { caller: 'a' })
    visit('b1', { caller: 'b' })
    visit('b2', { caller: 'b' })
    visit('c1', { caller: 'c' })
    await settle()
    expect(outside.map(({ name }) => name).sort()).toEqual(['a2', 'a3', 'a4'])
    expect(gate).toMatchObject({ active: 1, waiting: 4, refused: 3 })
  })

  test('where no queue is wanted', async () => {
    const { visit, outside, names } = gateOf(1, 0)
    visit('a')
    visit('b')
    await settle()
    expect([names(), outside.map(({ name }) => name)]).toEqual([['a'], ['b']])
  })

  test('longer than it may', async () => {
    const { visit, outside, gate, clock } = gateOf(1, 10)
    visit('a')
    visit('b', { until: clock.now() + 500 })
    await clock.advance(499)
    expect(outside).toEqual([])
    await clock.advance(1)
    expect(outside).toEqual([{ name: 'b', reason: 'CONCURRENCY_LIMITED' }])
    expect(gate).toMatchObject({ active: 1, waiting: 0, refused: 1 })
    expect(clock.waiting).toBe(0)
  })

  test('whose turn would come too late, as far as can be told', async () => {
    const { visit, leave, outside, clock, names } = gateOf(1, 10)
    visit('measured')
    await clock.advance(1_000)
    await leave()
    visit('a')
    visit('b', { caller: 'b', until: clock.now() + 1_500 })
    visit('c', { caller: 'c', until: clock.now() + 1_500 })
    visit('d', { caller: 'd', until: clock.now() + 2_500 })
    await settle()
    expect(names()).toEqual(['a'])
    expect(outside.map(({ name }) => name)).toEqual(['c'])
  })

  test('that has been cancelled', async () => {
    const { visit, leave, outside, names, gate, clock } = gateOf(1, 10)
    const cancellation = new Cancellation()
    visit('a')
    visit('b', { cancellation })
    visit('c')
    await settle()
    cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
    await settle()
    expect(outside).toEqual([{ name: 'b', reason: 'CANCELLED' }])
    expect(gate).toMatchObject({ waiting: 1, refused: 0 })
    await leave()
    expect(names()).toEqual(['c'])
    expect(cancellation.size).toBe(0)
    expect(clock.waiting).toBe(0)
  })
})

test('a caller whose only call has left the queue is passed over', async () => {
  const { visit, leave, names } = gateOf(1, 10)
  const cancellation = new Cancellation()
  visit('a')
  visit('b', { caller: 'b', cancellation })
  visit('c', { caller: 'c' })
  await settle()
  cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  await leave()
  expect(names()).toEqual(['c'])
})

test('a caller with many calls waiting does not keep another one out', async () => {
  const { visit, leave, outside, gate, clock } = gateOf(1, 10)
  visit('measured')
  await clock.advance(1_000)
  await leave()
  for (const name of ['a', 'a1', 'a2', 'a3']) visit(name, { caller: 'a' })
  visit('b', { caller: 'b', until: clock.now() + 2_500 })
  await settle()
  expect(outside).toEqual([])
  expect(gate.waiting).toBe(4)
})

test('who is refused is told how long it would have waited', async () => {
  const { visit, leave, gate, clock } = gateOf(2, 0)
  visit('measured')
  await clock.advance(4_000)
  await leave()
  visit('a')
  visit('b')
  await settle()
  const enter = async () => gate.enter({ caller: 'c', until: 1e9, cancellation: new Cancellation() })
  await expect(enter()).rejects.toMatchObject({ reason: 'CONCURRENCY_LIMITED', facts: { retryAfter: 2_000 } })
})

test('a background call goes in while no other call waits', async () => {
  const { visit, leave, names } = gateOf(1, 10)
  visit('inside')
  visit('item 1', { caller: 'a', background: true })
  visit('item 2', { caller: 'a', background: true })
  visit('single 1', { caller: 'a' })
  visit('single 2', { caller: 'b' })
  await settle()
  const order: string[] = []
  for (let turn = 0; turn < 4; turn++) {
    await leave()
    order.push(...names())
  }
  expect(order).toEqual(['single 1', 'single 2', 'item 1', 'item 2'])
})

test('background calls take no place in the queue from others, and find room when it is full', async () => {
  const { visit, gate, outside } = gateOf(1, 1)
  visit('inside')
  for (const name of ['item 1', 'item 2']) visit(name, { background: true })
  visit('single')
  visit('too many')
  visit('item 3', { background: true })
  await settle()
  expect(gate.waiting).toBe(4)
  expect(outside).toEqual([{ name: 'too many', reason: 'CONCURRENCY_LIMITED' }])
})

test('beside a batch of 1,000 a single call waits for at most one item in each place', async () => {
  const places = 4
  const duration = 100
  const { clock, gate } = gateOf(places, 10)
  let running = 0
  const item = async () => {
    const permit = await gate.enter({ caller: 'batch', background: true, until: 1e9, cancellation: new Cancellation() })
    running++
    clock.alarm(duration, () => {
      running--
      permit.end()
    })
  }
  for (let count = 0; count < 1_000; count++) void item()
  await clock.advance(5 * duration + 1)
  const waits: number[] = []
  for (let count = 0; count < 2 * places; count++) {
    const since = clock.now()
    void gate.enter({ caller: 'web', until: 1e9, cancellation: new Cancellation() }).then((permit) => {
      waits.push(clock.now() - since)
      clock.alarm(duration, () => permit.end())
    })
  }
  expect(running).toBe(places)
  await clock.advance(2 * duration)
  expect(waits).toHaveLength(2 * places)
  // The first of each place wait for the rest of one item, the others for one single call more.
  expect(Math.max(...waits.slice(0, places))).toBeLessThan(duration)
  expect(Math.max(...waits)).toBeLessThan(2 * duration)
})
