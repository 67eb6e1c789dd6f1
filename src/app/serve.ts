import { readFileSync } from 'node:fs'
import { addressText } from '../config/check.ts'
import type { Config, TlsConfig } from '../config/config.ts'
import type { CallContext } from '../domain/calls/call.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import { ByteBudget } from '../domain/limits/byte-budget.ts'
import { CallerCheck } from '../server/bounds/caller-check.ts'
import { LostCalls } from '../server/calls/lost-calls.ts'
import { requestIds } from '../server/calls/request-ids.ts'
import { endpoints, healthEndpoints } from '../server/endpoints.ts'
import { GrpcServer } from '../server/grpc/grpc-server.ts'
import { HealthServer } from '../server/health-server.ts'
import { HttpServer } from '../server/http/http-server.ts'
import type { Refusal } from '../server/refusals.ts'
import type { ServerOptions, ServerTls } from '../server/server-options.ts'
import { HealthService } from '../service/health-service.ts'
import type { Methods } from '../service/method-types.ts'
import { refusalLines } from '../telemetry/log/refusal-lines.ts'
import { serveMetrics } from '../telemetry/metrics/prometheus.ts'
import type { GatewayTelemetry } from '../telemetry/telemetry.ts'
import { build, type Environment, type Parts } from './build.ts'
import { drain, type Lifecycle } from './drain.ts'
import { ensureModels } from './ensure-models.ts'
import { allocateYoung, collectGarbage } from './heap.ts'
import { createMethods } from './methods.ts'
import { observe } from './observe.ts'

/** Starts a gateway. Resolves when it is live, ready or about to be, with the function that ends it in good order. */
export async function serve(
  config: Config,
  { clock, log }: Omit<Environment, 'version'>,
): Promise<() => Promise<void>> {
  allocateYoung()
  const version = packageVersion()
  const environment = { clock, log, version }
  const parts = await build(config, environment)
  const observed = await observe(config, parts, environment)
  const { telemetry, alerts } = observed
  const lifecycle: Lifecycle = { draining: false, ending: false }
  const report = (error: GatewayError, { requestId }: CallContext) =>
    log.failure('a call failed inside the gateway', error, { request_id: requestId })
  const methods = createMethods(config, parts, { ...environment, telemetry, alerts, lifecycle, report })
  const health = new HealthService()
  const { grpcServer, httpServer, healthServer } = createServers(config, parts, {
    ...environment,
    methods,
    health,
    telemetry,
    report,
  })

  const { server } = config
  const metricsPage = await serveMetrics({
    producer: telemetry.metrics,
    ...server.metrics,
    version,
    hosts: server.hosts,
    corsOrigins: server.cors.origins,
  })
  collectGarbage()
  const healthPort = await healthServer?.listen()
  const grpcPort = await grpcServer.listen()
  const httpPort = await httpServer.listen()
  const becomeReady = () => {
    if (lifecycle.draining) return
    health.setServing(parts.providers.length > 0)
    log.info('ready', {
      version,
      grpc: addressText({ ...server.grpc, port: grpcPort }),
      http: addressText({ ...server.http, port: httpPort }),
      metrics: addressText({ ...server.metrics, port: metricsPage.port }),
      ...(server.health && healthPort && { health: addressText({ ...server.health, port: healthPort }) }),
      providers: parts.providers.map(({ name }) => name),
    })
  }
  // It is live, and takes calls, while it stores what an earlier process has left.
  if (parts.ledger) void parts.ledger.swept.then(becomeReady)
  else becomeReady()
  ensureModels(config, parts, { clock, log, isEnding: () => lifecycle.draining })
  const running = { parts, observed, lifecycle, health, grpcServer, httpServer, healthServer, metricsPage }
  return () => drain(running, server.settings.drain, clock)
}

interface ServerParts extends Environment {
  readonly report: ServerOptions['report']
  readonly methods: Methods
  readonly health: HealthService
  readonly telemetry: GatewayTelemetry
}

/** Both servers in front of the same methods, and the one for probes. */
function createServers({ server, auth }: Config, { loopDelay, authenticator, replies }: Parts, options: ServerParts) {
  const { clock, log, methods, health, telemetry, report } = options
  const common: Omit<ServerOptions, 'address' | 'onRefused'> = {
    ...server.settings,
    endpoints: endpoints(methods, health),
    clock,
    ids: requestIds(),
    report,
    tls: server.tls && readTls(server.tls),
    callerCheck: new CallerCheck({ authenticator, clock }),
    uploads: new ByteBudget(server.settings.maxPendingBytes),
    replies,
    lostCalls: new LostCalls(),
    isOverloaded: () => loopDelay.current > server.settings.maxLoopDelay,
  }
  const lines = refusalLines(log, clock)
  const onRefusedAt = (name: 'grpc' | 'http' | 'health') => (refusal: Refusal, address?: string) => {
    telemetry.recordRefusal(name, refusal)
    lines(name, refusal, address)
  }
  const grpcServer = new GrpcServer({
    ...common,
    address: addressText(server.grpc),
    otherAddress: addressText(server.http),
    onRefused: onRefusedAt('grpc'),
  })
  const httpServer = new HttpServer({
    ...common,
    address: addressText(server.http),
    otherAddress: addressText(server.grpc),
    ready: () => health.serving,
    hosts: auth.kind === 'none' ? server.hosts : undefined,
    corsOrigins: server.cors.origins,
    onRequest: telemetry.recordHttp,
    onRefused: onRefusedAt('http'),
  })
  const healthServer =
    server.health &&
    new HealthServer({
      ...common,
      endpoints: healthEndpoints(health),
      address: addressText(server.health),
      ready: () => health.serving,
      onRefused: onRefusedAt('health'),
    })
  return { grpcServer, httpServer, healthServer }
}

function readTls({ cert, key, clientCa }: TlsConfig): ServerTls {
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(clientCa !== undefined && { clientCa: readFileSync(clientCa) }),
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version }: { version: string } = JSON.parse(text)
  return version
}
