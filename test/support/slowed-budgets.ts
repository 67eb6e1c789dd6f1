import type { Budgets, Extension, Hold, Refusal, Wanted } from '../../src/domain/ports/money/budgets.ts'

/** Budgets as if they were counted elsewhere: what is asked of them takes so many turns of the microtask queue. */
export function slowed(budgets: Budgets, turns: number): Budgets {
  if (turns === 0) return budgets
  const wait = async () => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
  }
  return {
    statusOf: (keys) => budgets.statusOf(keys),
    adjust: (key, add) => budgets.adjust(key, add),
    list: () => budgets.list(),
    async reserve(wanted: Wanted): Promise<Hold | Refusal> {
      await wait()
      const reserved = await budgets.reserve(wanted)
      return reserved.refusedBy ? reserved : new SlowedHold(reserved, wait)
    },
  }
}

class SlowedHold implements Hold {
  readonly headroom: Hold['headroom']
  readonly tightest: Hold['tightest']
  readonly #hold: Hold
  readonly #wait: () => Promise<void>

  constructor(hold: Hold, wait: () => Promise<void>) {
    this.#hold = hold
    this.#wait = wait
    this.headroom = hold.headroom
    this.tightest = hold.tightest
  }

  get amount() {
    return this.#hold.amount
  }

  async extend(more: number): Promise<Extension> {
    await this.#wait()
    return this.#hold.extend(more)
  }

  settle(cost: number): void {
    this.#hold.settle(cost)
  }

  shares(nano: number) {
    return this.#hold.shares(nano)
  }

  status() {
    return this.#hold.status()
  }
}
