import type { Call } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import type { Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import { type ErrorFacts, GatewayError } from '../../domain/errors/error.ts'
import type { LimitKind, LimitStatus, Quota } from '../../domain/limits/limits.ts'
import type { Limiter, Reservation } from '../../domain/ports/limiter.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import { type AnyEvent, finishOf } from '../../domain/streams/events.ts'
import type { Route, Usage } from '../../domain/types.ts'

/** Parts that every policy with limits needs. */
export interface LimitParts {
  readonly limiter: Limiter
  readonly events: Pick<OperatorEvents, 'limitReached'>
  /** Whether limits are counted and reported but not enforced. */
  readonly shadow: boolean
}

/** Counts a call against the quotas, then proceeds with the reservation. */
export function counted<T>(
  { limiter, events, shadow }: LimitParts,
  { id, quotas, tokens, call }: { id: string; quotas: readonly Quota[]; tokens: number; call: Call },
  proceed: (reservation: Reservation) => Promise<T>,
): Promise<T> {
  const decide = (reservation: Reservation) => {
    const { refusal } = reservation
    if (refusal) events.limitReached(refusal.quota.scope, refusal.kind, !shadow)
    // The client may have disconnected while the limits were checked.
    const { reason } = call.context.cancellation
    if (reason) reservation.settle(0)
    if (reason) throw reason
    return proceed(reservation)
  }
  const reserved = limiter.reserve(id, quotas, tokens, !shadow)
  return reserved instanceof Promise ? reserved.then(decide) : decide(reserved)
}

/** Error of a call that a limit refuses. */
export function refusalOf({ quota, kind, limit, reset }: LimitStatus, facts: ErrorFacts = {}): GatewayError {
  const { scope, name, limits } = quota
  const described = describe(kind, limit, limits.window)
  const seconds = Math.ceil(reset / 1000)
  const message = `The limit of ${described} for the ${scope} ${JSON.stringify(name)} is reached: try again in ${seconds} s.`
  return new GatewayError('RATE_LIMITED', message, {
    ...facts,
    retryAfter: reset,
    quota: { subject: `${scope}:${name}`, description: described },
  })
}

function describe(kind: LimitKind, limit: number, window: number): string {
  if (kind === 'concurrent') return `${limit} calls at once`
  return `${limit} ${kind} in ${window / 1000} s`
}

/** Output tokens that are reserved for a call that bounds them nowhere. */
const USUAL_OUTPUT = 1_000

/**
 * Tokens that a call may use at these targets: its prompt, its media and the longest output that it allows, but no more
 * than a model can generate, where that is known of all of them.
 */
export function reservedTokens(call: Call, targets: readonly Target[]): number {
  const output = call.wishes.maxTokens ?? targets[0]?.defaults.maxTokens ?? USUAL_OUTPUT
  return inputTokens(call) + Math.min(output, largestWindow(targets))
}

/** Estimated tokens of what is sent. */
function inputTokens({ operation, request }: Call): number {
  const { promptTokens, mediaTokens } = operations[operation]
  return promptTokens(request) + mediaTokens(request)
}

/** A model's answer is part of its context. */
function largestWindow(targets: readonly Target[]): number {
  return Math.max(
    1,
    ...targets.map(({ provider, model }) => provider.describe(model).contextWindow ?? Number.POSITIVE_INFINITY),
  )
}

/** Returns what a call has not used when it ends. */
export class Settlement implements Watcher<AnyEvent> {
  readonly #call: Call
  readonly #reservation: Reservation
  readonly #since: number
  #finished = false
  #used: number | undefined

  /** Counts the attempts from index `since` on. */
  constructor(call: Call, reservation: Reservation, since = 0) {
    this.#call = call
    this.#reservation = reservation
    this.#since = since
  }

  event(event: AnyEvent): void {
    const finish = finishOf(event)
    if (!finish) return
    this.#finished = true
    const usesNone = isCached(finish.route) || this.#call.context.record.replayed
    this.#used = usesNone ? 0 : tokensOf(finish.usage)
  }

  end(): void {
    if (this.#finished) this.#reservation.settle(this.#used)
    else {
      const { record } = this.#call.context
      if (record.replayed) this.#reservation.settle(0)
      else this.#reservation.settle(tokensOf(record.usage(this.#since)) ?? this.#unreported(record))
    }
  }

  /**
   * Undefined, which keeps what was reserved, when part of a response was sent. The vendor reads a request that is on its
   * way whether or not the caller is still there.
   */
  #unreported(record: CallRecord): number | undefined {
    if (record.committed(this.#since)) return undefined
    return record.mayHaveRun(this.#since) ? inputTokens(this.#call) : 0
  }
}

function tokensOf(usage: Usage | undefined): number | undefined {
  if (!usage) return undefined
  const { total, input, output } = usage
  return total ?? (input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0))
}

/** A cached response uses none of the vendor's tokens. */
function isCached(route: Route | undefined): boolean {
  return route?.cached === true
}
