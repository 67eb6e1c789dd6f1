import type { Target } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'
import type { KeyUse } from '../../domain/ports/keys.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import type { LockState, SafetyLockSource } from '../../domain/ports/safety-locks.ts'

/** Longest time between two checks for a usable key, in ms. */
const LOOK_EVERY = 5_000

/** The target that replaces a provider while all its keys are rate limited. */
export interface Spare {
  /** Name of the provider that is replaced. */
  readonly provider: string
  readonly target: Target
}

export interface LockOptions {
  readonly clock: Clock
  readonly spares: readonly Spare[]
  readonly events?: Pick<OperatorEvents, 'safetyLockChanged'>
}

/** Lock of one provider: engaged by the first call that is sent to the spare target, released once a key is usable. */
export class SafetyLock {
  readonly target: Target
  readonly #options: LockOptions
  readonly #provider: string
  /** Locked models, as `task/model`. */
  readonly #locked = new Set<string>()
  #diverted = 0

  constructor(spare: Spare, options: LockOptions) {
    this.#provider = spare.provider
    this.target = spare.target
    this.#options = options
  }

  /** Records that a call for `locked` is sent to the spare target, and engages the lock if it is not engaged yet. */
  divert(locked: Target, use: KeyUse): void {
    this.#diverted++
    const name = `${use.task}/${use.model}`
    if (this.#locked.has(name)) return
    this.#locked.add(name)
    if (this.#locked.size === 1) this.#options.events?.safetyLockChanged(this.state)
    this.#lookAgain(locked, use, name)
  }

  get state(): LockState {
    const { provider, model } = this.target
    return {
      provider: this.#provider,
      target: `${provider.name}/${model}`,
      locked: this.#locked.size > 0,
      diverted: this.#diverted,
    }
  }

  #lookAgain(locked: Target, use: KeyUse, name: string): void {
    const wait = locked.provider.keys?.wait(use) ?? 0
    if (wait > 0) {
      this.#options.clock.after(Math.min(wait, LOOK_EVERY), () => this.#lookAgain(locked, use, name))
      return
    }
    this.#locked.delete(name)
    if (this.#locked.size === 0) this.#options.events?.safetyLockChanged(this.state)
  }
}

/** The locks of all providers that have a spare target. */
export class SafetyLocks implements SafetyLockSource {
  readonly #locks: ReadonlyMap<string, SafetyLock>

  constructor(options: LockOptions) {
    this.#locks = new Map(options.spares.map((spare) => [spare.provider, new SafetyLock(spare, options)]))
  }

  of(provider: string): SafetyLock | undefined {
    return this.#locks.get(provider)
  }

  states(): readonly LockState[] {
    return Array.from(this.#locks.values(), ({ state }) => state)
  }
}
