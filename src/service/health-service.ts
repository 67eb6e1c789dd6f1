import type { CallContext } from '../domain/call.ts'
import { GatewayError } from '../domain/error.ts'
import { EventStream } from '../domain/event-stream.ts'
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthCheckService,
  LlmGateway,
  ServingStatus,
} from '../domain/types.ts'
import type { MethodsOf } from './method-types.ts'

/** Each costs memory for as long as it watches. */
const MAX_WATCHERS = 1000

/** Means the process, whether or not it can serve. */
const LIVE = 'live'
/** Mean that calls are taken. */
const READY: readonly string[] = ['', LlmGateway.typeName]

interface Watcher {
  readonly events: EventStream<HealthCheckResponse>
  readonly service: string
}

/** grpc.health.v1: whether the gateway takes calls. It depends on no provider. */
export class HealthService implements MethodsOf<typeof HealthCheckService> {
  #serving = false
  readonly #watchers = new Set<Watcher>()

  /** Whether calls are taken. */
  get serving(): boolean {
    return this.#serving
  }

  /** How many watch. */
  get watching(): number {
    return this.#watchers.size
  }

  /** Tells every watcher at once. */
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
    throw new GatewayError('SERVICE_NOT_FOUND', `Unknown service: ask for "${READY.join('", "')}" or "${LIVE}".`)
  }

  /** Those who watch an unknown service stay: so the protocol wants it. */
  async watch(
    { service }: HealthCheckRequest,
    { cancellation }: CallContext,
  ): Promise<EventStream<HealthCheckResponse>> {
    if (this.#watchers.size >= MAX_WATCHERS) {
      throw new GatewayError('TOO_MANY_WATCHERS', `${MAX_WATCHERS} callers watch already: use Check.`)
    }
    const leave = () => {
      this.#watchers.delete(watcher)
    }
    // So little is sent that a full reader need not stop it.
    const events = new EventStream<HealthCheckResponse>(cancellation, {
      pause: nothing,
      resume: nothing,
      cancel: leave,
    })
    const watcher = { events, service }
    this.#watchers.add(watcher)
    events.push(response(this.#statusOf(service)))
    return events
  }

  #statusOf(service: string): ServingStatus {
    if (service === LIVE) return ServingStatus.SERVING
    if (!READY.includes(service)) return ServingStatus.SERVICE_UNKNOWN
    return this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING
  }
}

function response(status: ServingStatus): HealthCheckResponse {
  return { $typeName: 'grpc.health.v1.HealthCheckResponse', status }
}

function nothing(): void {}
