import { expect, it } from 'vitest'
import { UnpackingRoom } from '../../../src/server/codec/unpacking.ts'

function world(places: number) {
  const room = new UnpackingRoom(places)
  const entered: string[] = []
  const gone = new Set<string>()
  const come = (name: string) => room.enter({ isGone: () => gone.has(name), enter: () => void entered.push(name) })
  return { room, entered, gone, come }
}

it('lets so many in at once, the others in the order in which they came', () => {
  const { room, entered, come } = world(2)
  for (const name of ['a', 'b', 'c', 'd']) expect(come(name)).toBe(true)
  expect(entered).toEqual(['a', 'b'])
  room.leave()
  expect(entered).toEqual(['a', 'b', 'c'])
  room.leave()
  room.leave()
  room.leave()
  come('e')
  come('f')
  come('g')
  expect(entered).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

it('passes over who has gone', () => {
  const { room, entered, gone, come } = world(1)
  for (const name of ['a', 'b', 'c']) come(name)
  gone.add('b')
  room.leave()
  expect(entered).toEqual(['a', 'c'])
  gone.add('d')
  come('d')
  room.leave()
  come('e')
  expect(entered).toEqual(['a', 'c', 'e'])
})

it('sends away whoever finds a thousand waiting, unless some of them have gone', () => {
  const { gone, come } = world(1)
  for (let index = 0; index <= 1_000; index++) expect(come(String(index))).toBe(true)
  expect(come('late')).toBe(false)
  gone.add('7')
  expect(come('lucky')).toBe(true)
  expect(come('late')).toBe(false)
})
