import { describe, expect, test } from 'vitest'
import { type HeldReply, ReplyBudget } from '../../../src/providers/http/reply-budget.ts'

const KiB = 1024

/** A reply that grows, and ends when it has to give way. */
class Growing implements HeldReply {
  readonly holder: string
  held = 0
  gaveWay = false
  readonly #budget: ReplyBudget

  constructor(budget: ReplyBudget, holder: string) {
    this.holder = holder
    this.#budget = budget
  }

  grow(bytes: number): this {
    if (!this.gaveWay) this.#set(this.held + bytes)
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

describe('when all replies together hold too many bytes', () => {
  test('the holder of most gives way with its largest reply', () => {
    const budget = new ReplyBudget(1000 * KiB)
    const greedy = [300, 200, 100].map((size) => new Growing(budget, 'greedy').grow(size * KiB))
    const single = new Growing(budget, 'single').grow(350 * KiB)
    const late = new Growing(budget, 'late').grow(70 * KiB)
    expect(greedy.map(({ gaveWay }) => gaveWay)).toEqual([true, false, false])
    expect([single.gaveWay, late.gaveWay]).toEqual([false, false])
    expect(budget.held).toBe(720 * KiB)
  })

  test('many small replies keep below the limit all the same', () => {
    const budget = new ReplyBudget(100 * KiB)
    const replies = Array.from({ length: 20 }, () => new Growing(budget, 'a').grow(10 * KiB))
    expect(replies.filter(({ gaveWay }) => gaveWay)).toHaveLength(10)
    expect(budget.held).toBe(100 * KiB)
  })

  test('nothing is left when all have ended', () => {
    const budget = new ReplyBudget(1000 * KiB)
    for (const reply of [new Growing(budget, 'a').grow(900 * KiB), new Growing(budget, 'b').grow(1)]) reply.giveWay()
    expect(budget.held).toBe(0)
    expect(new Growing(budget, 'a').grow(1000 * KiB).gaveWay).toBe(false)
  })
})
