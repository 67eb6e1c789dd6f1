import { expect, it } from 'vitest'
import { type Held, Shares } from '../../../src/domain/limits/shares.ts'

const member = (holder: string): Held => ({ holder })

it('takes the oldest of the holder of most when it is full', () => {
  const shares = new Shares<Held>(4)
  const [first, other, second, third] = [member('a'), member('b'), member('a'), member('a')]
  for (const held of [other, first, second, third]) expect(shares.add(held)).toBeUndefined()
  const newcomer = member('c')
  expect(shares.add(newcomer)).toBe(first)
  expect([...shares]).toEqual([other, second, third, newcomer])
  expect(shares.add(member('a'))).toBe(second)
  shares.delete(other)
  expect(shares.size).toBe(3)
})
