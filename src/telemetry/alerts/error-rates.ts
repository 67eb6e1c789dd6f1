import type { Clock } from '../../domain/clock.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import type { ErrorRateSettings } from './settings.ts'

/** Parts of the window that are counted, and forgotten, as one. */
const SLOTS = 48

/** Watches which share of each provider's attempts fails. */
export class ErrorRates {
  readonly #clock: Clock
  readonly #settings: ErrorRateSettings
  readonly #events: Pick<OperatorEvents, 'errorRateChanged'>
  readonly #providers = new Map<string, SlidingCount>()
  #stopTimer: (() => void) | undefined

  constructor(clock: Clock, settings: ErrorRateSettings, events: Pick<OperatorEvents, 'errorRateChanged'>) {
    this.#clock = clock
    this.#settings = settings
    this.#events = events
  }

  /** An attempt has ended that shows how the provider works. `provider`: name of a configured one. */
  record(provider: string, ok: boolean): void {
    const now = this.#clock.now()
    let count = this.#providers.get(provider)
    if (!count) {
      count = new SlidingCount(this.#settings.window / SLOTS)
      this.#providers.set(provider, count)
    }
    count.add(ok, now)
    if (!ok || count.exceeded) this.#judge(provider, count)
  }

  #judge(provider: string, count: SlidingCount): void {
    const { ratio, window, minCalls } = this.#settings
    const { attempts, errors } = count
    const exceeded = attempts >= minCalls && errors >= ratio * attempts
    if (exceeded === count.exceeded) return
    count.exceeded = exceeded
    this.#events.errorRateChanged({ provider, exceeded, attempts, errors, window })
    if (exceeded) this.#judgeLater()
  }

  close(): void {
    this.#stopTimer?.()
  }

  /** Failures leave the window without any call. */
  #judgeLater(): void {
    this.#stopTimer?.()
    this.#stopTimer = this.#clock.after(this.#settings.window / SLOTS, () => {
      const raised = [...this.#providers].filter(([, count]) => count.exceeded)
      for (const [provider, count] of raised) {
        count.moveTo(this.#clock.now())
        this.#judge(provider, count)
      }
      if (raised.some(([, count]) => count.exceeded)) this.#judgeLater()
    })
  }
}

/** Attempts and failures of the last 48 slots. */
class SlidingCount {
  attempts = 0
  errors = 0
  exceeded = false
  readonly #slotLength: number
  readonly #attempts = new Uint32Array(SLOTS)
  readonly #errors = new Uint32Array(SLOTS)
  #slot = 0

  constructor(slotLength: number) {
    this.#slotLength = slotLength
  }

  add(ok: boolean, now: number): void {
    this.moveTo(now)
    const at = this.#slot % SLOTS
    this.attempts++
    this.#attempts[at] = (this.#attempts[at] ?? 0) + 1
    if (ok) return
    this.errors++
    this.#errors[at] = (this.#errors[at] ?? 0) + 1
  }

  /** Forgets the slots that have left the window. */
  moveTo(now: number): void {
    const slot = Math.floor(now / this.#slotLength)
    const steps = Math.min(slot - this.#slot, SLOTS)
    for (let step = 1; step <= steps; step++) {
      const at = (slot - steps + step) % SLOTS
      this.attempts -= this.#attempts[at] ?? 0
      this.errors -= this.#errors[at] ?? 0
      this.#attempts[at] = 0
      this.#errors[at] = 0
    }
    this.#slot = slot
  }
}
