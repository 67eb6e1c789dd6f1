import type { Call } from '../../domain/calls/call.ts'
import type { Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import type { GatewayError } from '../../domain/errors/error.ts'
import { originOf } from '../../domain/errors/reasons.ts'
import type { Watcher } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import { follow } from '../../domain/streams/follow.ts'
import type { Latencies } from './latencies.ts'

/** Measures the targets that are chosen by latency. */
export function measure(latencies: Latencies, clock: Clock): Policy<Call & Routed> {
  return (next) => (call) => {
    const { target, operation } = call
    if (target.choice?.strategy !== 'least_latency') return next(call)
    return follow(next, call, new Stopwatch(latencies, latencies.begin(target, operation), clock))
  }
}

class Stopwatch implements Watcher<AnyEvent> {
  readonly #latencies: Latencies
  readonly #clock: Clock
  readonly #startedAt: number
  #notify: ((latency: number | undefined) => void) | undefined

  constructor(latencies: Latencies, notify: (latency: number | undefined) => void, clock: Clock) {
    this.#latencies = latencies
    this.#notify = notify
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  event({ event }: AnyEvent): void {
    if (this.#notify && event.case !== 'start') this.#stop(this.#clock.now() - this.#startedAt)
  }

  end(error?: GatewayError): void {
    const elapsed = this.#clock.now() - this.#startedAt
    const failed = error !== undefined && originOf(error.reason) === 'provider'
    this.#stop(failed ? this.#latencies.ofFailure(elapsed) : undefined)
  }

  #stop(latency: number | undefined): void {
    this.#notify?.(latency)
    this.#notify = undefined
  }
}
