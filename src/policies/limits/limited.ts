import type { Call } from '../../domain/call.ts'
import type { CallRecord } from '../../domain/call-record.ts'
import { type ErrorFacts, GatewayError } from '../../domain/error.ts'
import type { Watcher } from '../../domain/event-stream.ts'
import { type AnyEvent, finishOf } from '../../domain/events.ts'
import type { LimitKind, LimitStatus, Quota } from '../../domain/limits.ts'
import type { Limiter, LimitObserver, Reservation } from '../../domain/ports/limiter.ts'
import type { Route, Usage } from '../../domain/types.ts'

/** What every policy that keeps limits needs. */
export interface LimitParts {
  readonly limiter: Limiter
  readonly observer: LimitObserver
  /** Whether limits are only counted and reported. */
  readonly shadow: boolean
}

/** Counts a call against the quotas, then goes on with what came of it. */
export function counted<T>(
  { limiter, observer, shadow }: LimitParts,
  { id, quotas, tokens, call }: { id: string; quotas: readonly Quota[]; tokens: number; call: Call },
  proceed: (reservation: Reservation) => Promise<T>,
): Promise<T> {
  const decide = (reservation: Reservation) => {
    const { refusal } = reservation
    if (refusal) observer.reached(refusal.quota.scope, refusal.kind, !shadow)
    // The caller may have left while the limits were asked.
    const { reason } = call.context.cancellation
    if (reason) reservation.settle(0)
    if (reason) throw reason
    return proceed(reservation)
  }
  const reserved = limiter.reserve(id, quotas, tokens, !shadow)
  return reserved instanceof Promise ? reserved.then(decide) : decide(reserved)
}

/** The error of a call that a limit refuses. */
export function refusalOf({ quota, kind, limit, reset }: LimitStatus, facts: ErrorFacts = {}): GatewayError {
  const { scope, subject, limits } = quota
  const described = describe(kind, limit, limits.window)
  const seconds = Math.ceil(reset / 1000)
  const message = `The limit of ${described} for the ${scope} ${JSON.stringify(subject)} is reached: try again in ${seconds} s.`
  return new GatewayError('RATE_LIMITED', message, {
    ...facts,
    retryAfter: reset,
    quota: { subject: `${scope}:${subject}`, description: described },
  })
}

function describe(kind: LimitKind, limit: number, window: number): string {
  if (kind === 'concurrent') return `${limit} calls at once`
  return `${limit} ${kind} in ${window / 1000} s`
}

/** Gives back, once the call has ended, what it has not used. */
export class Settlement implements Watcher<AnyEvent> {
  readonly #record: CallRecord
  readonly #reservation: Reservation
  #finished = false
  #used: number | undefined

  constructor(record: CallRecord, reservation: Reservation) {
    this.#record = record
    this.#reservation = reservation
  }

  event(event: AnyEvent): void {
    const finish = finishOf(event)
    if (!finish) return
    this.#finished = true
    this.#used = isCached(finish.route) ? 0 : tokensOf(finish.usage)
  }

  end(): void {
    if (this.#finished) this.#reservation.settle(this.#used)
    else this.#reservation.settle(tokensOf(this.#record.usage) ?? (this.#record.committed ? undefined : 0))
  }
}

function tokensOf(usage: Usage | undefined): number | undefined {
  if (!usage) return undefined
  const { total, input, output } = usage
  return total ?? (input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0))
}

/** An answer that was kept costs the vendor nothing. */
function isCached(route: Route | undefined): boolean {
  return route?.cached === true
}
