import type { CallContext, Caller } from '../domain/calls/call.ts'
import { CallRecord } from '../domain/calls/call-record.ts'
import { checkedIdempotencyKey } from '../domain/calls/idempotency-key.ts'
import { Cancellation } from '../domain/cancellation.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/errors/error.ts'
import { holderOfAnyone } from '../domain/limits/holder.ts'
import { AttemptOutcome } from '../domain/types.ts'
import type { LostCalls } from './calls/lost-calls.ts'

/** What a server reads before a call begins. */
export interface Arrival {
  /** Ours, and unique. */
  readonly requestId: string
  /** The value of `authorization`. */
  readonly credential: string | undefined
  /** The value of `idempotency-key`, whether or not it is one. */
  readonly idempotencyKey?: string | undefined
  /** As CallContext.caller. */
  readonly caller?: Caller | undefined
  /** The address of the caller. */
  readonly peer: string
  /** Time that the caller's deadline leaves for the call, in ms; undefined if it set no deadline. */
  readonly timeout: number | undefined
  /** The most that the call may take whatever the caller set, in ms; Infinity for streams that watch. */
  readonly maxDuration: number
  /** Makes what CallContext.requestBytes is, when it is needed. */
  readonly requestBytes: () => Uint8Array
  /** A request header by its lower-case name. */
  header(name: string): string | undefined
}

/**
 * A status that is sent at the deadline never arrives, because clients end by their own clock. So the call ends this
 * much earlier: in ms, and at most this part of what it was given.
 */
const MARGIN = 20
const MARGIN_PART = 0.05

/** A class and not a literal with getters: one is made for every call. */
export class RequestContext implements CallContext {
  readonly requestId: string
  readonly credential: string | undefined
  readonly caller: Caller | undefined
  readonly deadline: number
  readonly cancellation = new Cancellation()
  readonly peer: string
  readonly record: CallRecord
  isLost = false
  readonly #arrival: Arrival
  #stopTimer: (() => void) | undefined
  /** Gives back its place among the calls that go on without a connection. */
  #leaveLost: (() => void) | undefined

  readonly #report: (error: GatewayError, context: CallContext) => void

  /** A call whose time has already passed is created cancelled. The server must `close` it when it is over. */
  constructor(clock: Clock, arrival: Arrival, report: (error: GatewayError, context: CallContext) => void) {
    this.#report = report
    this.requestId = arrival.requestId
    this.credential = arrival.credential
    this.caller = arrival.caller
    this.peer = arrival.peer
    this.record = new CallRecord(clock)
    this.#arrival = arrival
    const duration = Math.min(arrival.timeout ?? Number.POSITIVE_INFINITY, arrival.maxDuration)
    this.deadline = this.record.arrivedAt + duration
    if (duration <= 0) this.cancellation.cancel(this.#timeIsUp())
    else if (duration < Number.POSITIVE_INFINITY) {
      const margin = Math.min(MARGIN, duration * MARGIN_PART)
      this.#stopTimer = clock.after(duration - margin, () => this.cancel(this.#timeIsUp()))
    }
  }

  get requestBytes(): Uint8Array {
    return this.#arrival.requestBytes()
  }

  get idempotencyKey(): string | undefined {
    const { idempotencyKey } = this.#arrival
    return idempotencyKey === undefined ? undefined : checkedIdempotencyKey(idempotencyKey)
  }

  header(name: string): string | undefined {
    return this.#arrival.header(name)
  }

  /**
   * Its connection is lost, and nobody has cancelled it. Returns whether it goes on: a call with an idempotency key does,
   * while its caller has few such calls, so that a repeat of it finds its result.
   */
  lose(lostCalls: LostCalls): boolean {
    this.isLost = true
    if (this.#arrival.idempotencyKey === undefined || this.cancellation.reason) return false
    this.#leaveLost = lostCalls.enter(holderOfAnyone(this.caller, this.peer))
    return this.#leaveLost !== undefined
  }

  /** Never throws: it is called from timers and listeners, where what is thrown kills the process. */
  cancel(reason: GatewayError): void {
    try {
      this.cancellation.cancel(reason)
    } catch (error) {
      this.#report(GatewayError.from(error), this)
    }
  }

  /** Lets go of the timer, and of its place among lost calls. */
  close(): void {
    this.#leaveLost?.()
    this.#leaveLost = undefined
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #timeIsUp(): GatewayError {
    const { timeout, maxDuration } = this.#arrival
    if (timeout !== undefined && timeout <= maxDuration) {
      const given = Math.max(0, Math.round(timeout))
      return new GatewayError('DEADLINE_EXCEEDED', `The deadline of ${given} ms passed ${whatWasGoingOn(this.record)}.`)
    }
    const most = maxDuration / 1000
    const message = `No call may take longer than ${most} s. That time passed ${whatWasGoingOn(this.record)}.`
    return new GatewayError('GATEWAY_MAX_DURATION', message)
  }
}

function whatWasGoingOn(record: CallRecord): string {
  const last = record.attempts.at(-1)
  if (!last) return 'before any provider was asked'
  if (record.committed()) return `while ${last.provider}/${last.model} was answering`
  if (last.outcome === AttemptOutcome.UNSPECIFIED) return `while waiting for ${last.provider}/${last.model}`
  return `after ${last.provider}/${last.model} had been tried`
}
