import type { CallContext } from '../domain/calls/call.ts'
import { GatewayError } from '../domain/errors/error.ts'
import { holderOfAnyone } from '../domain/limits/holder.ts'
import { type Held, Shares } from '../domain/limits/shares.ts'
import { EventStream } from '../domain/streams/event-stream.ts'
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthCheckService,
  LlmGateway,
  ServingStatus,
} from '../domain/types.ts'
import type { MethodsOf } from './method-types.ts'

/** Limit for open watches, because each takes memory. */
const MAX_WATCHERS = 1000

/** Name that stands for the process, whether or not it accepts calls. */
const LIVE = 'live'
/** Names that stand for accepting calls. */
const READY: readonly string[] = ['', LlmGateway.typeName]

interface Watcher extends Held {
  readonly events: EventStream<HealthCheckResponse>
  readonly service: string
}

/** grpc.health.v1: whether the gateway accepts calls. Independent of the providers. */
export class HealthService implements MethodsOf<typeof HealthCheckService> {
  #serving = false
  readonly #watchers = new Shares<Watcher>(MAX_WATCHERS)

  /** Whether calls are accepted. */
  get serving(): boolean {
    return this.#serving
  }

  /** Number of open watches. */
  get watching(): number {
    return this.#watchers.size
  }

  /** Notifies every watcher at once. */
  setServing(serving: boolean): void {
    if (serving === this.#serving) return
    this.#serving = serving
    for (const { events, service } of this.#watchers) {
      if (READY.includes(service)) events.push(response(this.#statusOf(service)))
    }
  }

  async check({ service }: HealthCheckRequest): Promise<HealthCheckResponse> {
    const status = this.#statusOf(service)
    if (status !== ServingStatus.SERVICE_UNKNOWN) return response(status)
    throw new GatewayError('SERVICE_NOT_FOUND', `Unknown service. Ask for "${READY.join('", "')}" or "${LIVE}".`)
  }

  /** A watch of an unknown service stays open, as the protocol requires. */
  async watch(
    { service }: HealthCheckRequest,
    { cancellation, caller, peer }: CallContext,
  ): Promise<EventStream<HealthCheckResponse>> {
    const leave = () => {
      this.#watchers.delete(watcher)
    }
    // Messages are so few that a full reader need not pause them.
    const events = new EventStream<HealthCheckResponse>(cancellation, {
      pause: nothing,
      resume: nothing,
      cancel: leave,
    })
    const holder = holderOfAnyone(caller, peer)
    const watcher = { events, service, holder }
    this.#watchers.add(watcher)?.events.cancel(tooManyWatchers())
    events.push(response(this.#statusOf(service)))
    return events
  }

  #statusOf(service: string): ServingStatus {
    if (service === LIVE) return ServingStatus.SERVING
    if (!READY.includes(service)) return ServingStatus.SERVICE_UNKNOWN
    return this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING
  }
}

function tooManyWatchers(): GatewayError {
  return new GatewayError(
    'TOO_MANY_WATCHERS',
    'You hold the most of all open watches, which are too many. Use Check instead.',
  )
}

function response(status: ServingStatus): HealthCheckResponse {
  return { $typeName: 'grpc.health.v1.HealthCheckResponse', status }
}

function nothing(): void {}
