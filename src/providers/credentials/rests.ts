import type { Task } from '../../domain/calls/call.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import type { KeyUse } from '../../domain/ports/keys.ts'

/** Rest of a key whose vendor names no time, in ms; doubled each time until an attempt succeeds. */
const FIRST_REST = 250
const MAX_REST = 60_000
/** Callers choose the names of models: a key remembers rests for this many at most. */
const MAX_RESTS = 1_000

interface Rest {
  readonly model: string
  readonly task: Task
  /** On the monotonic clock, in ms. A rest that is over stays remembered until an attempt succeeds. */
  readonly until: number
  /** Failures in a row. */
  readonly times: number
  readonly error: GatewayError
}

/** The models and tasks that one key rests for, on clear evidence. They hold for every caller. */
export class Rests {
  readonly #rests = new Map<string, Rest>()

  get isEmpty(): boolean {
    return this.#rests.size === 0
  }

  /** When the key can be used again: 0 when it can now. */
  freeAt(use: KeyUse, now: number): number {
    const rest = this.#rests.get(nameOf(use))
    // A timer that waited for it may be early by a fraction.
    return rest !== undefined && rest.until - now >= 1 ? rest.until : 0
  }

  error(use: KeyUse): GatewayError | undefined {
    return this.#rests.get(nameOf(use))?.error
  }

  /** `wait` in ms, undefined where it is not known. False when that changes nothing. */
  add(use: KeyUse, wait: number | undefined, error: GatewayError, now: number): boolean {
    // The vendor asks to call again at once.
    if (wait !== undefined && wait < 1) return false
    const name = nameOf(use)
    const rest = this.#rests.get(name)
    const resting = rest !== undefined && rest.until > now
    const times = (rest?.times ?? 0) + 1
    // Attempts that were under way together fail together: that is one failure, not several in a row.
    const until = resting && wait === undefined ? rest.until : now + (wait ?? doubling(FIRST_REST, times, MAX_REST))
    if (resting && until <= rest.until) return false
    this.#rests.delete(name)
    if (this.#rests.size >= MAX_RESTS) this.#forgetOldest()
    this.#rests.set(name, { model: use.model, task: use.task, until, times, error })
    return true
  }

  /** An attempt has succeeded. It may have begun before the rest, which lasts as long as it was meant to. */
  clear(use: KeyUse, now: number): void {
    if (this.freeAt(use, now) === 0) this.#rests.delete(nameOf(use))
  }

  *current(now: number): Iterable<Rest> {
    for (const rest of this.#rests.values()) if (rest.until - now >= 1) yield rest
  }

  /** Names that callers made up give way first. */
  #forgetOldest(): void {
    let [oldest] = this.#rests.keys()
    for (const [name, { error }] of this.#rests) {
      if (error.reason !== 'UPSTREAM_MODEL_MISSING') continue
      oldest = name
      break
    }
    if (oldest !== undefined) this.#rests.delete(oldest)
  }
}

export function nameOf({ model, task }: KeyUse): string {
  return `${task}/${model}`
}

/** `first`, doubled for each time after the first, up to `most`. */
export function doubling(first: number, times: number, most: number): number {
  return Math.min(first * 2 ** (times - 1), most)
}
