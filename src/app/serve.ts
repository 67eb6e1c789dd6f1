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
import { chatAddress } from '../policies/cache/cache-chats.ts'
import { Circuits } from '../policies/breaker/circuits.ts'
import { Planner } from '../policies/planning/planner.ts'
import { HttpDoor } from '../server/http/connect-server.ts'
import type { DoorOptions, DoorTls } from '../server/server-options.ts'
import { endpoints } from '../server/endpoints.ts'
import { GrpcDoor } from '../server/grpc/grpc-server.ts'
import { HealthService } from '../service/health-service.ts'
import { LoopDelay } from '../server/loop-delay.ts'
import { requestIds } from '../server/request-ids.ts'
import { createService } from '../service/service.ts'
import { validateChat, validateEmbed } from '../service/validate/validate.ts'
import { createCallers } from '../identity/authenticator.ts'
import { connectRedis } from '../stores/redis/redis-store.ts'
import { SharedNews } from '../stores/redis/broadcast.ts'
import { createLimitRecord, observeRedis } from '../telemetry/metrics/limit-metrics.ts'
import type { Log } from '../telemetry/log/log.ts'
import { observeGates } from '../telemetry/metrics/observe-limits.ts'
import { startTracing } from '../telemetry/tracing/otel.ts'
import { serveMetrics } from '../telemetry/metrics/prometheus.ts'
import { createTelemetry } from '../telemetry/telemetry.ts'
import {
  createCache,
  createGates,
  createLimiter,
  createLocks,
  createProviders,
  shareKeys,
  tellRedis,
} from './build.ts'

/** After SIGTERM, how long calls are still taken while load balancers learn of it, in ms. */
const LINGER = 5_000

/** Puts the gateway together and opens its doors. Returns how to end it in good order. */
export async function serve(config: Config, log: Log): Promise<() => Promise<void>> {
  allocateYoung()
  const clock = systemClock
  const version = packageVersion()
  const redis = config.redis && (await connectRedis({ ...config.redis, clock, onChange: tellRedis(log) }))
  const news = redis && new SharedNews({ store: redis, clock, origin: randomUUID() })
  const providers = await createProviders(config, log, news)
  if (news) shareKeys(providers, news)
  const locks = createLocks(config, providers, log)
  const gates = createGates(config)
  const { otlpEndpoint: endpoint, sampleRatio } = config.telemetry
  const tracing = endpoint === undefined ? undefined : await startTracing({ endpoint, version, clock })
  const [primaryProvider = '', ...fallbackProviders] = config.priority
  const store = config.cache && createCache(config.cache, redis, news)
  const circuits = new Circuits(clock)
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
  observeGates(telemetry.metrics, gates)
  if (redis) observeRedis(telemetry.metrics, redis)
  const limiter = createLimiter(config, redis, telemetry.metrics)
  const callers = createCallers(config.auth, { clock, limits: config.limits.caller })
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
    callers,
    planner,
    cache,
    clock,
    random: Math.random,
    limits: {
      ...config.limits,
      limiter,
      record: createLimitRecord(telemetry.metrics),
      aliases: new Map(Object.entries(config.limits.aliases)),
      providers: new Map(Object.entries(config.limits.providers)),
    },
    gates,
    circuits,
    locks,
    isEnding: () => ending,
    validate: { chat: validateChat, embed: validateEmbed },
  })
  const health = new HealthService()
  const methods = createService({
    chat,
    embed,
    callers,
    providers,
    aliases: config.models.map(({ name, targets }) => ({ name, targets: targets.map(({ target }) => target) })),
    stats: telemetry.stats,
    cache: cache && {
      store: cache.store,
      stats: () => cache.observer.snapshot(),
      addressOf: (request, wire, caller) => chatAddress(planner, request, wire, caller),
    },
    audit: (method, { requestId, trail, peer }, reason) =>
      log.info('admin call', { method, request_id: requestId, caller: trail.caller, peer, reason }),
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
  const door: Omit<DoorOptions, 'address'> = {
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
  const grpcDoor = new GrpcDoor({
    ...door,
    address: addressText(server.grpc),
    onRefused: (refusal) => telemetry.recordRefusal('grpc', refusal),
  })
  const httpDoor = new HttpDoor({
    ...door,
    address: addressText(server.http),
    ready: () => health.serving,
    corsOrigins: server.cors.origins,
    onRequest: telemetry.recordHttp,
    onRefused: (refusal) => telemetry.recordRefusal('http', refusal),
  })
  const metrics = await serveMetrics({ producer: telemetry.metrics, ...server.metrics, version })
  const grpcPort = await grpcDoor.listen()
  const httpPort = await httpDoor.listen()
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
    await Promise.all([grpcDoor.drain(grace), httpDoor.drain(grace)])
    stopTimer()
    loopDelay.stop()
    await Promise.all([...providers.map((provider) => provider.close()), tracing?.shutdown(), metrics.close()])
    limiter.close?.()
    news?.close()
    redis?.close()
  }
}

function readTls({ cert, key, clientCa }: TlsConfig): DoorTls {
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
