import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { rulesFor } from '../config/blocks/cache.ts'
import { addressText } from '../config/check.ts'
import type { Config, TlsConfig } from '../config/config.ts'
import type { CallContext } from '../domain/call.ts'
import { systemClock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/error.ts'
import { createGateway } from '../gateway.ts'
import { createAuthenticator } from '../identity/authenticator.ts'
import { Circuits } from '../policies/breaker/circuits.ts'
import { chatAddress } from '../policies/cache/cache-chats.ts'
import { Planner } from '../policies/planning/planner.ts'
import { RetryBudget } from '../policies/retrying/retry-budget.ts'
import { endpoints } from '../server/endpoints.ts'
import { GrpcServer } from '../server/grpc/grpc-server.ts'
import { HttpServer } from '../server/http/connect-server.ts'
import { LoopDelay } from '../server/loop-delay.ts'
import { requestIds } from '../server/request-ids.ts'
import type { ServerOptions, ServerTls } from '../server/server-options.ts'
import { HealthService } from '../service/health-service.ts'
import { createService } from '../service/service.ts'
import { validateChat, validateEmbed } from '../service/validate/validate.ts'
import { Broadcast } from '../stores/redis/broadcast.ts'
import { applyKeyEvents, broadcastKeyEvents } from '../stores/redis/key-broadcast.ts'
import { connectRedis } from '../stores/redis/redis-store.ts'
import type { Log } from '../telemetry/log/log.ts'
import { logOperatorEvents } from '../telemetry/log/operator-log.ts'
import { observeGates } from '../telemetry/metrics/observe-limits.ts'
import { serveMetrics } from '../telemetry/metrics/prometheus.ts'
import { observeRedis } from '../telemetry/metrics/redis-metrics.ts'
import { OperatorEventHub } from '../telemetry/operator-event-hub.ts'
import { createTelemetry } from '../telemetry/telemetry.ts'
import { startTracing } from '../telemetry/tracing/otel.ts'
import { createCache, createGates, createLimiter, createLocks, createProviders } from './build.ts'

/** After SIGTERM, how long calls are still taken while load balancers learn of it, in ms. */
const LINGER = 5_000

/** Puts the gateway together and opens its doors. Returns how to end it in good order. */
export async function serve(config: Config, log: Log): Promise<() => Promise<void>> {
  allocateYoung()
  const clock = systemClock
  const version = packageVersion()
  const events = new OperatorEventHub()
  events.subscribe(logOperatorEvents(log))
  const redis = config.redis && (await connectRedis({ ...config.redis, clock, events }))
  const broadcast = redis && new Broadcast({ store: redis, clock, origin: randomUUID() })
  if (broadcast) events.subscribe(broadcastKeyEvents(broadcast))
  const providers = await createProviders(config, events)
  if (broadcast) applyKeyEvents(broadcast, providers)
  const locks = createLocks(config, providers, events)
  const gates = createGates(config)
  const { otlpEndpoint: endpoint, sampleRatio } = config.telemetry
  const tracing = endpoint === undefined ? undefined : await startTracing({ endpoint, version, clock })
  const [primaryProvider = '', ...fallbackProviders] = config.priority
  const store = config.cache && createCache(config.cache, redis, broadcast)
  const circuits = new Circuits(clock, {}, events)
  const loopDelay = new LoopDelay(clock)
  const telemetry = createTelemetry({
    clock,
    random: Math.random,
    log,
    providers,
    targets: [
      ...config.models.flatMap(({ targets }) => targets.map(({ target }) => target)),
      ...Object.values(config.safetyLocks),
    ],
    breakers: circuits,
    locks,
    summary: {
      primaryProvider,
      fallbackProviders,
      cacheEnabled: store !== undefined,
      strategies: Object.fromEntries(config.models.map(({ name, strategy }) => [name, strategy])),
    },
    tracing,
    loopDelay: () => loopDelay.current,
    sampleRatio,
    cache: config.cache && store && { store, ttl: config.cache.rules.ttl },
  })
  events.subscribe(telemetry.operatorEvents)
  observeGates(telemetry.metrics, gates)
  if (redis) observeRedis(telemetry.metrics, redis)
  const limiter = createLimiter(config, redis, telemetry.metrics)
  const authenticator = createAuthenticator(config.auth, { clock, limits: config.limits.caller })
  const planner = new Planner({
    providers,
    aliases: config.models,
    tasks: config.tasks,
    priority: config.priority,
    defaults: config.defaults,
  })
  let draining = false
  /** So late in the drain that a further attempt would hardly come to its end. */
  let ending = false
  const observer = telemetry.cache
  const cache =
    config.cache && store && observer ? { store, observer, clock, rules: rulesFor(config.cache) } : undefined
  const { chat, embed } = createGateway({
    telemetry,
    authenticator,
    planner,
    cache,
    clock,
    random: Math.random,
    limits: {
      ...config.limits,
      limiter,
      events,
      aliases: new Map(Object.entries(config.limits.aliases)),
      providers: new Map(Object.entries(config.limits.providers)),
    },
    gates,
    circuits,
    locks,
    retryBudget: new RetryBudget(),
    isEnding: () => ending,
    validate: { chat: validateChat, embed: validateEmbed },
  })
  const health = new HealthService()
  const methods = createService({
    chat,
    embed,
    authenticator,
    providers,
    aliases: config.models.map(({ name, targets }) => ({ name, targets: targets.map(({ target }) => target) })),
    stats: telemetry.stats,
    cache: cache && {
      store: cache.store,
      stats: () => cache.observer.snapshot(),
      addressOf: (request, requestBytes, caller) => chatAddress(planner, request, requestBytes, caller),
    },
    events,
    locks,
    breakers: circuits,
    clock,
    components: () => [
      ...(cache ? [{ name: 'cache', healthy: true, message: '' }] : []),
      ...(redis ? [redis.state()] : []),
    ],
    isDraining: () => draining,
  })
  const { server } = config
  const { maxLoopDelay, ...limits } = server.limits
  const serverOptions: Omit<ServerOptions, 'address'> = {
    endpoints: endpoints(methods, health),
    clock,
    ids: requestIds(),
    report: (error: GatewayError, { requestId }: CallContext) =>
      log.failure('a call failed inside the gateway', error, { request_id: requestId }),
    tls: server.tls && readTls(server.tls),
    maxDuration: server.maxDeadline,
    maxReceiveBytes: server.maxReceiveBytes,
    maxSendBytes: server.maxSendBytes,
    maxStreams: server.maxStreams,
    heartbeat: server.heartbeat,
    keepalive: server.keepalive,
    maxConnectionAge: server.maxConnectionAge,
    proxyProtocol: server.proxyProtocol,
    ...limits,
    isOverloaded: () => loopDelay.current > maxLoopDelay,
  }
  const grpcServer = new GrpcServer({
    ...serverOptions,
    address: addressText(server.grpc),
    onRefused: (refusal) => telemetry.recordRefusal('grpc', refusal),
  })
  const httpServer = new HttpServer({
    ...serverOptions,
    address: addressText(server.http),
    ready: () => health.serving,
    corsOrigins: server.cors.origins,
    onRequest: telemetry.recordHttp,
    onRefused: (refusal) => telemetry.recordRefusal('http', refusal),
  })
  const metrics = await serveMetrics({ producer: telemetry.metrics, ...server.metrics, version })
  const grpcPort = await grpcServer.listen()
  const httpPort = await httpServer.listen()
  health.setServing(providers.length > 0)
  log.info('ready', {
    version,
    grpc: addressText({ ...server.grpc, port: grpcPort }),
    http: addressText({ ...server.http, port: httpPort }),
    metrics: addressText({ ...server.metrics, port: metrics.port }),
    providers: providers.map(({ name }) => name),
  })

  return async () => {
    draining = true
    health.setServing(false)
    const linger = Math.min(LINGER, server.drain / 5)
    await new Promise<void>((resolve) => clock.after(linger, resolve))
    const grace = server.drain - linger
    const stopTimer = clock.after(grace / 2, () => {
      ending = true
    })
    await Promise.all([grpcServer.drain(grace), httpServer.drain(grace)])
    stopTimer()
    loopDelay.stop()
    await Promise.all([...providers.map((provider) => provider.close()), tracing?.shutdown(), metrics.close()])
    limiter.close?.()
    broadcast?.close()
    redis?.close()
  }
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

/**
 * V8 learns from what is made at the start, and lives on, that such objects are best made old at once. But messages made
 * by the same code for calls are garbage soon, and only the long pauses of the collector clear it away among the old.
 */
function allocateYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
