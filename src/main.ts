#!/usr/bin/env node
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rulesFor } from './config/cache.ts'
import { addressText, checkReport } from './config/check.ts'
import type { CacheConfig, Config, TlsConfig } from './config/config.ts'
import { type CommandLine, type Flags, readCommandLine } from './config/flags.ts'
import { readConfig } from './config/read.ts'
import type { CacheStore } from './domain/cache.ts'
import type { CallContext } from './domain/call.ts'
import { systemClock } from './domain/clock.ts'
import type { GatewayError } from './domain/error.ts'
import { type KeyNews, readKeyNews } from './domain/keys.ts'
import type { ComponentState, Limiter, Provider } from './domain/ports.ts'
import { providerNamed } from './domain/provider-named.ts'
import { splitTarget } from './domain/target-name.ts'
import { createGateway } from './gateway.ts'
import type { Gates } from './policies/admit.ts'
import { chatAddress } from './policies/cache-chats.ts'
import { Circuits } from './policies/circuits.ts'
import { Gate } from './policies/gate.ts'
import { SafetyLocks } from './policies/locks.ts'
import { Planner } from './policies/plan.ts'
import { createProvider } from './providers/create.ts'
import type { ConcurrencyLimit } from './providers/define.ts'
import { createPriceTable, loadPrices } from './providers/prices.ts'
import { HttpDoor } from './rpc/connect.ts'
import type { DoorOptions, DoorTls } from './rpc/door.ts'
import { endpoints } from './rpc/endpoints.ts'
import { GrpcDoor } from './rpc/grpc.ts'
import { HealthService } from './rpc/health-service.ts'
import { LoopDelay } from './rpc/loop-delay.ts'
import { probe } from './rpc/probe.ts'
import { createService } from './rpc/service.ts'
import { validateChat, validateEmbed } from './rpc/validate.ts'
import { createCallers } from './stores/callers.ts'
import { HybridCache, NEAR_TTL } from './stores/hybrid-cache.ts'
import { MemoryCache } from './stores/memory-cache.ts'
import { MemoryLimiter } from './stores/memory-limiter.ts'
import { connectRedis, type RedisStore } from './stores/redis.ts'
import { RedisCache } from './stores/redis-cache.ts'
import { RedisLimiter } from './stores/redis-limiter.ts'
import { SharedNews } from './stores/shared-news.ts'
import { createLimitRecord, observeRedis, observeRedisLimiter } from './telemetry/limit-metrics.ts'
import { createLog, type Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { observeGates } from './telemetry/observe-limits.ts'
import { startTracing } from './telemetry/otel.ts'
import { serveMetrics } from './telemetry/prometheus.ts'
import { createTelemetry } from './telemetry/telemetry.ts'

const USAGE = `usage: llm-gateway [serve]             start the gateway
       llm-gateway check               say what is wrong with the configuration, and what would run
       llm-gateway health [ADDRESS]    exit 0 if the gateway at ADDRESS (127.0.0.1:50051) takes calls
options: --config FILE, --grpc ADDRESS, --http ADDRESS, --metrics ADDRESS, --log-level LEVEL`

const DEFAULT_ADDRESS = '127.0.0.1:50051'
/** What gateways tell each other of their keys. */
const KEY_NEWS = 'keys'
/** After SIGTERM, how long calls are still taken while load balancers learn of it, in ms. */
const LINGER = 5_000

process.exitCode = await run(readCommandLine(process.argv.slice(2)))

async function run(commandLine: CommandLine): Promise<number> {
  if (!commandLine.words) return complain(commandLine.reason)
  const [command = 'serve', ...rest] = commandLine.words
  if (command === 'health' && rest.length < 2) return (await probe(rest[0] ?? DEFAULT_ADDRESS)) ? 0 : 1
  if (command === 'check' && rest.length === 0) return check(commandLine.flags)
  if (command === 'serve' && rest.length === 0) return start(commandLine.flags)
  return complain(`unknown command: ${[command, ...rest].join(' ')}`)
}

function complain(reason: string): number {
  console.error(`${reason}\n${USAGE}`)
  return 2
}

function load(flags: Flags) {
  return readConfig({ flags, env: process.env, workingDirectory: process.cwd() })
}

function check(flags: Flags): number {
  const { lines, exitCode } = checkReport(load(flags))
  for (const line of lines) console.log(line)
  return exitCode
}

/** Starts the gateway, or says why it cannot. Once it runs, signals end the process. */
async function start(flags: Flags): Promise<number> {
  const { config, problems, notices, unenforced } = load(flags)
  if (!config) {
    for (const { path, reason } of problems) console.error(`${path}: ${reason}`)
    return 1
  }
  const log = createLog({ clock: systemClock, level: config.telemetry.logLevel })
  for (const text of unenforced) log.warn(text)
  for (const text of notices) log.info(text)
  try {
    const stop = await serve(config, log)
    endWith(stop, log)
    return 0
  } catch (error) {
    log.failure('the gateway could not start', error)
    log.flushSync()
    // What was opened before it failed would keep the process alive.
    return process.exit(1)
  }
}

/** Puts the gateway together and opens its doors. Returns how to end it in good order. */
async function serve(config: Config, log: Log): Promise<() => Promise<void>> {
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
    ids: randomUUID,
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

/** The configuration has seen to it that there is a Redis where one is needed. */
function createCache(
  { strategy, maxEntries, maxBytes }: CacheConfig,
  redis: RedisStore | undefined,
  news: SharedNews | undefined,
): CacheStore {
  const clock = systemClock
  if (strategy === 'memory' || !redis || !news) return new MemoryCache({ clock, maxEntries, maxBytes })
  const far = new RedisCache({ store: redis, clock })
  if (strategy === 'redis') return far
  const near = new MemoryCache({ clock, maxEntries, maxBytes, maxTtl: NEAR_TTL })
  return new HybridCache({ near, far, news, clock })
}

/** What one gateway learns of a key all learn. */
function shareKeys(providers: readonly Provider[], news: SharedNews): void {
  news.listen(KEY_NEWS, (told) => {
    const known = readKeyNews(told)
    const provider = known && providers.find(({ name }) => name === known.provider)
    if (provider) provider.keys?.apply(known)
  })
}

async function createProviders(config: Config, log: Log, news: SharedNews | undefined): Promise<Provider[]> {
  // The price list takes 20 MB: nobody pays for it who does not need it.
  const list = config.providers.some(({ kind }) => kind.prices) ? await loadPrices() : undefined
  const prices = createPriceTable({ clock: systemClock, overrides: config.prices, list })
  return config.providers.map((settings) =>
    createProvider(settings, {
      clock: systemClock,
      proxy: config.proxy,
      prices,
      onKeyNews(told) {
        logKeyNews(log, told)
        news?.tell(KEY_NEWS, told)
      },
    }),
  )
}

/** One line for each change, never one for a call. */
function tellRedis(log: Log) {
  return ({ healthy, message }: ComponentState) => {
    if (healthy) log.info('Redis is well')
    else log.warn(`${message} Calls go on without it, and it is looked at again by itself.`)
  }
}

/** Counts in memory, or in Redis with a share of it in memory for the time that Redis is in trouble. */
function createLimiter({ limits }: Config, redis: RedisStore | undefined, metrics: Metrics): Limiter {
  if (limits.store === 'memory' || !redis) {
    return new MemoryLimiter({ clock: systemClock })
  }
  const local = new MemoryLimiter({ clock: systemClock, share: 1 / limits.replicas })
  const limiter = new RedisLimiter({
    store: redis,
    clock: systemClock,
    local: limits.onRedisTrouble === 'local' ? local : undefined,
  })
  observeRedisLimiter(metrics, limiter)
  return limiter
}

function logKeyNews(log: Log, { provider, keyId, ...news }: KeyNews): void {
  const key = { provider, key_id: keyId }
  if (news.change === 'quarantined') log.warn('a key is quarantined', { ...key, reason: news.reason })
  else if (news.change === 'recovered') log.info('a key is used again', key)
  else log.debug('a key rests', { ...key, model: news.model, reason: news.reason })
}

function createLocks(config: Config, providers: readonly Provider[], log: Log): SafetyLocks {
  const spares = Object.entries(config.safetyLocks).flatMap(([provider, target]) => {
    const { provider: name, model } = splitTarget(target)
    const spare = providerNamed(providers, name)
    return spare ? [{ provider, target: { provider: spare, model, defaults: config.defaults } }] : []
  })
  return new SafetyLocks({
    clock: systemClock,
    spares,
    tell: ({ provider, target, locked }) => {
      if (locked) log.warn('the safety lock has fallen: the provider is rate limited', { provider, target })
      else log.info('the safety lock is lifted', { provider, target })
    },
  })
}

function createGates({ server, providers }: Config): Gates {
  const gate = ({ most, queue }: ConcurrencyLimit) => new Gate({ clock: systemClock, limit: most, queue })
  const bounded = providers.flatMap(({ name, concurrency }) =>
    concurrency ? [[name, gate(concurrency)] as const] : [],
  )
  return { providers: new Map(bounded), process: server.concurrency && gate(server.concurrency) }
}

/** The first SIGTERM ends what is in flight and exits with 0; a second one ends at once. */
function endWith(stop: () => Promise<void>, log: Log): void {
  let ending = false
  const end = (signal: string) => {
    if (ending) {
      log.flushSync()
      process.exit(1)
    }
    ending = true
    log.info('shutting down', { signal })
    void stop()
      .then(() => log.flush())
      .then(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('uncaughtException', (error) => {
    log.failure('the gateway met an error that nobody caught', error)
    log.flushSync()
    process.exit(1)
  })
}

function readTls({ cert, key, clientCa }: TlsConfig): DoorTls {
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(clientCa !== undefined && { clientCa: readFileSync(clientCa) }),
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { version }: { version: string } = JSON.parse(text)
  return version
}
