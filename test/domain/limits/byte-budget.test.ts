import { describe, expect, test } from 'vitest'
import { ByteBudget, type HeldBytes } from '../../../src/domain/limits/byte-budget.ts'

const KiB = 1024

/** A request or a reply that grows, and ends when it has to give way. */
class Growing implements HeldBytes {
  place = -1
  held = 0
  gaveWay = false
  readonly holder: string
  readonly part: string
  readonly #budget: ByteBudget

  constructor(budget: ByteBudget, holder: string, part = '') {
    this.holder = holder
    this.part = part
    this.#budget = budget
  }

  grow(kib: number): this {
    if (!this.gaveWay) this.#set(this.held + kib * KiB)
    return this
  }

  giveWay(): void {
    this.gaveWay = true
    this.#set(0)
  }

  #set(bytes: number): void {
    const before = this.held
    this.held = bytes
    this.#budget.change(this, before)
  }
}

describe('when all members together hold too many bytes', () => {
  test('the holder of most gives way with its largest member', () => {
    const budget = new ByteBudget(1000 * KiB)
    const greedy = [300, 200, 100].map((size) => new Growing(budget, 'greedy').grow(size))
    const single = new Growing(budget, 'single').grow(350)
    const late = new Growing(budget, 'late').grow(70)
    expect(greedy.map(({ gaveWay }) => gaveWay)).toEqual([true, false, false])
    expect([single.gaveWay, late.gaveWay]).toEqual([false, false])
    expect(budget.held).toBe(720 * KiB)
  })

  test('the holder of many small ones gives way to one that holds a single large one', () => {
    const budget = new ByteBudget(1000 * KiB)
    const large = new Growing(budget, 'large').grow(400)
    const small = Array.from({ length: 61 }, () => new Growing(budget, 'small').grow(10))
    expect(large.gaveWay).toBe(false)
    expect(small.filter(({ gaveWay }) => gaveWay)).toEqual([small[60]])
  })

  test('within the holder, the part of most gives way', () => {
    const budget = new ByteBudget(1000 * KiB)
    const single = new Growing(budget, 'team', 'alice').grow(300)
    const many = [200, 200, 200].map((size) => new Growing(budget, 'team', 'bob').grow(size))
    new Growing(budget, 'other').grow(101)
    expect(single.gaveWay).toBe(false)
    expect(many.map(({ gaveWay }) => gaveWay)).toEqual([false, false, true])
  })

  test('many small ones keep below the limit all the same', () => {
    const budget = new ByteBudget(100 * KiB)
    const all = Array.from({ length: 20 }, () => new Growing(budget, 'a').grow(10))
    expect(all.filter(({ gaveWay }) => gaveWay)).toHaveLength(10)
    expect(budget.held).toBe(100 * KiB)
  })

  test('of very many, room is made for many changes at once, by the holder of most alone', () => {
    const budget = new ByteBudget(1600 * KiB)
    const others = Array.from({ length: 300 }, (_, at) => new Growing(budget, `other ${at}`).grow(1))
    const greedy = Array.from({ length: 1301 }, () => new Growing(budget, 'greedy').grow(1))
    expect(budget.held).toBe(1500 * KiB)
    expect(others.some(({ gaveWay }) => gaveWay)).toBe(false)
    expect(greedy.filter(({ gaveWay }) => gaveWay)).toHaveLength(101)
  })

  test('one that is larger than the limit gives way itself', () => {
    const budget = new ByteBudget(10 * KiB)
    const other = new Growing(budget, 'a').grow(9)
    expect(new Growing(budget, 'b').grow(11).gaveWay).toBe(true)
    expect(other.gaveWay).toBe(false)
  })
})

test('nothing is left when all have ended', () => {
  const budget = new ByteBudget(1000 * KiB)
  for (const member of [new Growing(budget, 'a').grow(900), new Growing(budget, 'b').grow(1)]) member.giveWay()
  expect([budget.held, budget.size]).toEqual([0, 0])
  expect(new Growing(budget, 'a').grow(1000).gaveWay).toBe(false)
})
