import { expect, it } from 'vitest'
import { type Packed, UnpackingRoom } from '../../../src/server/codec/unpacking.ts'
import { FakeClock } from '../../support/fake-clock.ts'

function world(places: number) {
  const clock = new FakeClock()
  const room = new UnpackingRoom({ places, clock, maxWait: 10_000 })
  const entered: string[] = []
  const refused: string[] = []
  const gone = new Set<string>()
  const finish = new Map<string, () => void>()
  /** `name` begins with its holder, which may be followed by a part: `bob/home 1`. */
  const come = (name: string) => {
    const [holder = '', part = ''] = (name.split(' ', 1)[0] ?? '').split('/')
    const request: Packed = { holder, part, isGone: () => gone.has(name) }
    const unpack = () => {
      entered.push(name)
      return new Promise<void>((resolve) => finish.set(name, resolve))
    }
    room.run(request, unpack).catch((error: { reason: string }) => refused.push(`${name}: ${error.reason}`))
  }
  const leave = async (name: string) => {
    finish.get(name)?.()
    await clock.advance(0)
  }
  return { clock, entered, refused, gone, come, leave }
}

it('lets so many in at once, the others of one holder in the order in which they came', async () => {
  const { entered, come, leave } = world(2)
  for (const name of ['a 1', 'a 2', 'a 3', 'a 4']) come(name)
  expect(entered).toEqual(['a 1', 'a 2'])
  await leave('a 1')
  expect(entered).toEqual(['a 1', 'a 2', 'a 3'])
  await leave('a 2')
  await leave('a 3')
  await leave('a 4')
  for (const name of ['a 5', 'a 6', 'a 7']) come(name)
  expect(entered).toEqual(['a 1', 'a 2', 'a 3', 'a 4', 'a 5', 'a 6'])
})

it.each([1, 4])('gives the next of %i places to a holder that has none', async (places) => {
  const { entered, come, leave } = world(places)
  for (let index = 1; index <= 100; index++) come(`greedy ${index}`)
  come('single 1')
  come('single 2')
  await leave('greedy 1')
  expect(entered.at(-1)).toBe('single 1')
  if (places === 1) {
    await leave('single 1')
    expect(entered.at(-1)).toBe('greedy 2')
  }
})

it('shares the places of a holder among its addresses', async () => {
  const { entered, come, leave } = world(1)
  for (const name of ['a/x 1', 'a/x 2', 'a/x 3', 'a/y 1', 'b/z 1']) come(name)
  await leave('a/x 1')
  await leave('b/z 1')
  await leave('a/y 1')
  expect(entered).toEqual(['a/x 1', 'b/z 1', 'a/y 1', 'a/x 2'])
})

it('passes over who has gone', async () => {
  const { entered, refused, gone, come, leave } = world(1)
  for (const name of ['a 1', 'a 2', 'a 3']) come(name)
  gone.add('a 2')
  await leave('a 1')
  expect([entered, refused]).toEqual([['a 1', 'a 3'], ['a 2: CANCELLED']])
})

it('refuses the newest of the holder of most when more than a thousand wait', async () => {
  const { clock, refused, gone, come } = world(1)
  for (let index = 0; index <= 1_000; index++) come(`greedy ${index}`)
  come('single 1')
  await clock.advance(0)
  expect(refused).toEqual(['greedy 1000: TOO_MANY_COMPRESSED'])
  gone.add('greedy 7')
  come('single 2')
  await clock.advance(0)
  expect(refused.slice(1)).toEqual(['greedy 7: CANCELLED'])
})

it('refuses what has waited too long', async () => {
  const { clock, entered, refused, come, leave } = world(1)
  come('a 1')
  come('a 2')
  await clock.advance(5_000)
  come('b 1')
  await clock.advance(5_000)
  expect(refused).toEqual(['a 2: TOO_MANY_COMPRESSED'])
  await leave('a 1')
  expect(entered).toEqual(['a 1', 'b 1'])
  await clock.advance(20_000)
  expect(refused).toHaveLength(1)
})
