import type { Cancellation } from '../../domain/cancellation.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { Lanes, type Waiter } from './lanes.ts'

/** Weight of the last call in the mean duration of calls. */
const LAST_COUNTS = 0.1
/** Suggested wait of a refused call while no duration is known, in ms. */
const USUAL_WAIT = 1_000

export interface ConcurrencyGateOptions {
  readonly clock: Clock
  /** Most calls under way at once, at least 1. */
  readonly limit: number
  /** Most calls that wait, 0 or more. */
  readonly queue: number
}

/** A call that asks for a permit. */
export interface AdmissionRequest {
  /** Waiting callers take turns, however many calls each of them has. */
  readonly caller: string
  /** Whether it waits until no other calls wait: for the items of a batch, of which there are few at once. */
  readonly background?: boolean
  /** Latest useful start, on the monotonic clock, in ms. */
  readonly until: number
  readonly cancellation: Cancellation
}

/** Bounds the number of calls under way. Further calls wait in a bounded queue that knows deadlines and is fair. */
export class ConcurrencyGate {
  active = 0
  /** Refused calls, without those that were cancelled. */
  refused = 0
  readonly #options: ConcurrencyGateOptions
  readonly #lanes = new Lanes()
  /** Those of background calls, which are served while no other call waits. */
  readonly #backgroundLanes = new Lanes()
  /** Mean duration of calls, in ms; undefined before the first has ended. */
  #stay: number | undefined

  constructor(options: ConcurrencyGateOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#lanes.waiting + this.#backgroundLanes.waiting
  }

  /** A permit if a place is free now; nobody waits then. */
  tryEnter(): Permit | undefined {
    return this.active < this.#options.limit ? this.#admit() : undefined
  }

  /**
   * Resolves when it is the call's turn. Rejects with CONCURRENCY_LIMITED when the queue is full or the wait would be
   * too long, as soon as that is known, and with the reason of the cancellation when the call is cancelled.
   */
  async enter(request: AdmissionRequest): Promise<Permit> {
    const { queue, clock } = this.#options
    const permit = this.tryEnter()
    if (permit) return permit
    if (clock.now() + this.#expectedWait(request) > request.until) throw this.#refusal('it would wait too long')
    if (!request.background && this.#lanes.waiting >= queue) this.#makeRoom(request.caller)
    return new Promise((resolve, reject) => this.#wait(request, resolve, reject))
  }

  /** Called by a permit: a call that was admitted at `since` has ended. */
  left(since: number): void {
    const stay = this.#options.clock.now() - since
    this.#stay = this.#stay === undefined ? stay : this.#stay + (stay - this.#stay) * LAST_COUNTS
    this.active--
    while (this.active < this.#options.limit) {
      const waiter = this.#lanes.next() ?? this.#backgroundLanes.next()
      if (!waiter) return
      waiter.admit()
    }
  }

  #admit(): Permit {
    this.active++
    return new Permit(this, this.#options.clock.now())
  }

  #wait(request: AdmissionRequest, resolve: (permit: Permit) => void, reject: (error: GatewayError) => void): void {
    const { clock } = this.#options
    const lanes = request.background ? this.#backgroundLanes : this.#lanes
    const settle = () => {
      stopTimer()
      request.cancellation.remove(withCall)
    }
    const waiter: Waiter = {
      caller: request.caller,
      admit: () => {
        settle()
        resolve(this.#admit())
      },
      giveUp: (error) => {
        settle()
        lanes.remove(waiter)
        reject(error)
      },
    }
    lanes.add(waiter)
    const stopTimer = clock.after(Math.max(0, request.until - clock.now()), () => {
      waiter.giveUp(this.#refusal('it has waited as long as it may'))
    })
    const withCall = { cancel: waiter.giveUp }
    request.cancellation.add(withCall)
  }

  /** The caller with the most waiting calls loses its newest one. Throws where that is the call that comes now. */
  #makeRoom(caller: string): void {
    const refusal = this.#refusal('too many calls wait already')
    const newest = this.#lanes.newestOfLongest(caller)
    if (!newest) throw refusal
    newest.giveUp(refusal)
  }

  /** Expected wait of a new call, in ms. */
  #expectedWait({ caller, background }: AdmissionRequest): number {
    const ahead = background ? this.#lanes.waiting + this.#backgroundLanes.before(caller) : this.#lanes.before(caller)
    return ((ahead + 1) * (this.#stay ?? 0)) / this.#options.limit
  }

  #refusal(why: string): GatewayError {
    this.refused++
    const { limit } = this.#options
    const wait = this.#stay === undefined ? USUAL_WAIT : ((this.waiting + 1) * this.#stay) / limit
    return new GatewayError('CONCURRENCY_LIMITED', `${limit} calls are under way, and ${why}.`, { retryAfter: wait })
  }
}

/** Place of one admitted call, released once when the call ends. */
export class Permit implements Watcher<AnyEvent> {
  readonly #gate: ConcurrencyGate
  readonly #since: number
  #out = false

  constructor(gate: ConcurrencyGate, since: number) {
    this.#gate = gate
    this.#since = since
  }

  end(): void {
    if (this.#out) return
    this.#out = true
    this.#gate.left(this.#since)
  }
}
