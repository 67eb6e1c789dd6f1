import { constants, type ServerHttp2Session } from 'node:http2'
import type { Clock } from '../../domain/clock.ts'
import type { Refusal } from '../refusals.ts'

/** A call that is reset younger than this, unanswered, is one of a flood; the window in which they are counted. In ms. */
const YOUNG = 1000
const RESET_WINDOW = 10_000
/** Time after which a session without calls is closed, in ms: as long as an idle connection of HTTP/1.1. */
const IDLE = 65_000

const RESETS = Symbol('resets')
type GuardedSession = ServerHttp2Session & { [RESETS]?: { count: number; since: number } }

export interface SessionGuardOptions {
  readonly clock: Clock
  readonly readTimeout: number
  readonly maxResets: number
  readonly onRefused: (refusal: Refusal) => void
}

/** A call as far as its resets are concerned. */
export interface YoungCall {
  readonly session: ServerHttp2Session | undefined
  /** On the monotonic clock, in ms. */
  readonly arrivedAt: number
  readonly isAnswered: boolean
}

/** Watches over the HTTP/2 sessions of a server. */
export class SessionGuard {
  /** Whether new sessions are closed because the gateway shuts down. */
  draining = false
  readonly #options: SessionGuardOptions
  readonly #sessions = new Set<ServerHttp2Session>()
  #onLastSession: (() => void) | undefined

  constructor(options: SessionGuardOptions) {
    this.#options = options
  }

  /** Disconnects a client that sends nothing, or never acknowledges the settings that bound what it may send. */
  readonly watch = (session: ServerHttp2Session): void => {
    const { clock, readTimeout, onRefused } = this.#options
    this.#sessions.add(session)
    session.once('close', () => {
      this.#sessions.delete(session)
      if (this.#sessions.size === 0) this.#onLastSession?.()
    })
    if (this.draining) session.close()
    const stopTimer = clock.after(readTimeout, () => {
      if (session.destroyed || !session.pendingSettingsAck) return
      onRefused('handshake')
      session.destroy()
    })
    session.once('close', stopTimer)
    session.once('localSettings', stopTimer)
  }

  /** Closes a session in which nothing happens. For servers that do not ask their clients whether they live. */
  closeWhenIdle(session: ServerHttp2Session): void {
    session.setTimeout(IDLE, () => session.close())
  }

  /** Sends GOAWAY to every client; open calls finish. */
  closeAll(): void {
    for (const session of this.#sessions) session.close()
  }

  /** Resolves when no client is connected, at once where none is. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#sessions.size === 0) resolve()
      else this.#onLastSession = resolve
    })
  }

  /** Counts a call that its client has reset: one that begins calls and resets them at once costs more than it spends. */
  countReset({ session, arrivedAt, isAnswered }: YoungCall): void {
    const { clock, maxResets, onRefused } = this.#options
    const now = clock.now()
    if (!session || session.destroyed || isAnswered || now - arrivedAt > YOUNG) return
    const guarded: GuardedSession = session
    guarded[RESETS] ??= { count: 0, since: now }
    const resets = guarded[RESETS]
    if (now - resets.since > RESET_WINDOW) {
      resets.count = 0
      resets.since = now
    }
    if (++resets.count <= maxResets) return
    onRefused('resets')
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    session.destroy()
  }
}
