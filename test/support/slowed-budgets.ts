import type { Budgets, Extension, Hold, Refusal, Wanted } from '../../src/domain/ports/money/budgets.ts'
import type { FakeClock } from './fake-clock.ts'

/** Budgets as if they were counted elsewhere: it takes `delay` ms until they answer. */
export function slowed(budgets: Budgets, delay: number, clock: FakeClock): Budgets {
  if (delay === 0) return budgets
  const wait = () => new Promise<void>((resolve) => clock.alarm(delay, resolve))
  return {
    statusOf: (keys) => budgets.statusOf(keys),
    current: (keys) => budgets.current(keys),
    refresh: () => budgets.refresh(),
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
