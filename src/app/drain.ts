import type { Clock } from '../domain/clock.ts'
import type { GrpcServer } from '../server/grpc/grpc-server.ts'
import type { HealthServer } from '../server/health-server.ts'
import type { HttpServer } from '../server/http/http-server.ts'
import type { HealthService } from '../service/health-service.ts'
import type { MetricsPage } from '../telemetry/metrics/prometheus.ts'
import type { Parts } from './build.ts'
import type { Observed } from './observe.ts'

/** Longest time that calls are still accepted after a stop is requested, in ms; load balancers notice meanwhile. */
const LINGER = 5_000

/** Time for a last try to send the alerts that wait, in ms. */
const ALERTS_TIME = 2_000
/** Time in which the ledger stores what is left in its journal, in ms. */
const LEDGER_TIME = 5_000

/** How far the gateway is on its way to its end. */
export interface Lifecycle {
  /** Whether the gateway is stopping. */
  draining: boolean
  /** Whether it is so late in the drain that a further attempt would hardly complete. */
  ending: boolean
}

/** Everything that runs. */
export interface Running {
  readonly parts: Parts
  readonly observed: Observed
  readonly lifecycle: Lifecycle
  readonly health: HealthService
  readonly grpcServer: GrpcServer
  readonly httpServer: HttpServer
  /** Answers probes until all calls have ended. */
  readonly healthServer: HealthServer | undefined
  readonly metricsPage: MetricsPage
}

/** Ends calls in flight within `time` ms, then everything else. */
export async function drain(running: Running, time: number, clock: Clock): Promise<void> {
  const { health, lifecycle, grpcServer, httpServer } = running
  lifecycle.draining = true
  health.setServing(false)
  const linger = Math.min(LINGER, time / 5)
  await new Promise<void>((resolve) => clock.after(linger, resolve))
  const grace = time - linger
  const stopTimer = clock.after(grace / 2, () => {
    lifecycle.ending = true
  })
  await Promise.all([grpcServer.drain(grace), httpServer.drain(grace)])
  stopTimer()
  await close(running)
}

async function close({ parts, observed, metricsPage, healthServer }: Running): Promise<void> {
  const { loopDelay, pulls, stopWatching, providers, limiter, idempotency, broadcast, redis, ledger, budgets } = parts
  loopDelay.stop()
  stopWatching()
  pulls.close()
  budgets?.close()
  // They need what is closed next.
  await observed.alerts.close(ALERTS_TIME)
  const closing = providers.map((provider) => provider.close())
  await Promise.all([...closing, observed.tracing?.shutdown(), metricsPage.close(), healthServer?.close()])
  await ledger?.close(LEDGER_TIME)
  limiter.close?.()
  await idempotency.close?.()
  broadcast?.close()
  redis?.close()
}
