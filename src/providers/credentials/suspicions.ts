import type { Witness } from '../../domain/errors/blame.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import type { KeyUse } from '../../domain/ports/keys.ts'
import { doubling, nameOf } from './rests.ts'

/** Different requests that must meet the same doubtful answer before anybody is kept from the key. */
const CONFIRMED_BY = 3
/** In ms; doubled each time it is confirmed again, until an attempt succeeds. */
const FIRST_REST = 30_000
const MAX_REST = 600_000
/** Callers choose the names of models, and their requests: both are remembered up to a number. */
const MAX_SUSPICIONS = 200
const MAX_CALLERS = 64

interface Suspicion {
  readonly requests: Set<string>
  readonly callers: Set<string>
  until: number
  times: number
  error: GatewayError
}

/**
 * Answers that may be about a key for a model and task, or just as well about the requests that met them. Once several
 * different requests have met one, the callers of those requests are kept from the key for a while; others are not,
 * since theirs may be answered. One success ends it.
 */
export class Suspicions {
  readonly #suspicions = new Map<string, Suspicion>()

  get isEmpty(): boolean {
    return this.#suspicions.size === 0
  }

  /** When this caller can use the key again: 0 when it can now. */
  freeAt(use: KeyUse, now: number): number {
    const found = this.#resting(use)
    return found !== undefined && found.until - now >= 1 ? found.until : 0
  }

  error(use: KeyUse): GatewayError | undefined {
    return this.#resting(use)?.error
  }

  add(use: KeyUse, { caller, request }: Witness, error: GatewayError, now: number): void {
    const suspicion = this.#suspicions.get(nameOf(use)) ?? this.#make(use, error)
    suspicion.error = error
    if (suspicion.callers.size < MAX_CALLERS) suspicion.callers.add(caller)
    if (suspicion.requests.size < CONFIRMED_BY) suspicion.requests.add(request)
    if (suspicion.requests.size < CONFIRMED_BY || suspicion.until > now) return
    suspicion.requests.clear()
    suspicion.times++
    suspicion.until = now + doubling(FIRST_REST, suspicion.times, MAX_REST)
  }

  clear(use: KeyUse): void {
    this.#suspicions.delete(nameOf(use))
  }

  #resting(use: KeyUse): Suspicion | undefined {
    const found = this.#suspicions.get(nameOf(use))
    return found && use.caller !== undefined && found.callers.has(use.caller) ? found : undefined
  }

  #make(use: KeyUse, error: GatewayError): Suspicion {
    if (this.#suspicions.size >= MAX_SUSPICIONS) {
      const [oldest] = this.#suspicions.keys()
      if (oldest !== undefined) this.#suspicions.delete(oldest)
    }
    const made: Suspicion = { requests: new Set(), callers: new Set(), until: 0, times: 0, error }
    this.#suspicions.set(nameOf(use), made)
    return made
  }
}
