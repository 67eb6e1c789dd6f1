import type { SessionPlace } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'
import { type Held, Shares } from '../../domain/limits/shares.ts'

/** Limit for the conversations that are remembered. */
const MAX_SESSIONS = 10_000
/** How long a conversation without calls is remembered, in ms: longer than vendors keep a prompt in their caches. */
const IDLE_TIME = 3_600_000

/** A conversation: of one caller, at one alias. */
export interface SessionName {
  readonly holder: string
  readonly alias: string
  readonly sessionId: string
}

interface Session extends Held {
  readonly key: string
  readonly place: SessionPlace
  readonly until: number
}

/** Remembers which target and key serve each conversation. When there are too many, the holder of most loses its oldest. */
export class Sessions {
  readonly #clock: Clock
  readonly #byKey = new Map<string, Session>()
  readonly #shares: Shares<Session>

  constructor(clock: Clock, max = MAX_SESSIONS) {
    this.#clock = clock
    this.#shares = new Shares(max)
  }

  get size(): number {
    return this.#byKey.size
  }

  placeOf(name: SessionName): SessionPlace | undefined {
    const session = this.#byKey.get(keyOf(name))
    return session && session.until > this.#clock.now() ? session.place : undefined
  }

  remember(name: SessionName, place: SessionPlace): void {
    const key = keyOf(name)
    const known = this.#byKey.get(key)
    if (known) this.#forget(known)
    const session = { key, holder: name.holder, place, until: this.#clock.now() + IDLE_TIME }
    this.#byKey.set(key, session)
    const evicted = this.#shares.add(session)
    if (evicted) this.#byKey.delete(evicted.key)
    this.#forgetOneIdle()
  }

  /** The one that was used longest ago stands first: removing one at each step keeps up with what is added. */
  #forgetOneIdle(): void {
    for (const session of this.#shares) {
      if (session.until <= this.#clock.now()) this.#forget(session)
      return
    }
  }

  #forget(session: Session): void {
    this.#byKey.delete(session.key)
    this.#shares.delete(session)
  }
}

/** With their lengths, so that no part can pass for two. */
function keyOf({ holder, alias, sessionId }: SessionName): string {
  return `${holder.length}/${alias.length}/${holder}/${alias}/${sessionId}`
}
