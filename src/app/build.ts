import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import type { Clock } from '../domain/clock.ts'
import { ByteBudget } from '../domain/limits/byte-budget.ts'
import type { Authenticator } from '../domain/ports/authenticator.ts'
import type { CacheStore } from '../domain/ports/cache.ts'
import type { IdempotencyStore } from '../domain/ports/idempotency.ts'
import type { Limiter } from '../domain/ports/limiter.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { Provider } from '../domain/ports/provider.ts'
import { providerNamed } from '../domain/provider-named.ts'
import { splitTarget } from '../domain/text/target-name.ts'
import { createAuthenticator } from '../identity/authenticator.ts'
import type { Gates } from '../policies/admission/admit.ts'
import { ConcurrencyGate } from '../policies/admission/concurrency-gate.ts'
import { Circuits } from '../policies/breaker/circuits.ts'
import type { CacheSettings } from '../policies/cache/settings.ts'
import { Planner } from '../policies/planning/planner.ts'
import { SafetyLocks } from '../policies/routing/safety-locks.ts'
import { createProvider, type ProviderTools } from '../providers/create.ts'
import type { ConcurrencyLimit } from '../providers/define.ts'
import { loadPrices } from '../providers/prices/price-list.ts'
import { PriceTable } from '../providers/prices/price-table.ts'
import { watchPriceFile } from '../providers/prices/watch-price-file.ts'
import { LoopDelay } from '../server/loop-delay.ts'
import { ModelPulls } from '../service/pulls/model-pulls.ts'
import { HybridCache, NEAR_TTL } from '../stores/cache/hybrid-cache.ts'
import { MemoryCache } from '../stores/cache/memory-cache.ts'
import { RedisCache } from '../stores/cache/redis-cache.ts'
import { MemoryIdempotency } from '../stores/idempotency/memory-idempotency.ts'
import { RedisIdempotency } from '../stores/idempotency/redis-idempotency.ts'
import { MemoryLimiter } from '../stores/limits/memory-limiter.ts'
import { RedisLimiter } from '../stores/limits/redis-limiter.ts'
import { Broadcast } from '../stores/redis/broadcast.ts'
import { applyKeyEvents, broadcastKeyEvents } from '../stores/redis/key-broadcast.ts'
import { connectRedis, type RedisStore } from '../stores/redis/redis-store.ts'
import type { Log } from '../telemetry/log/log.ts'
import { logOperatorEvents } from '../telemetry/log/operator-log.ts'
import { OperatorEventHub } from '../telemetry/operator-event-hub.ts'
import { type ConfiguredBudgets, createBudgets } from './budgets.ts'
import { type OpenLedger, openLedger } from './ledger.ts'

/** What every part is made with. */
export interface Environment {
  readonly clock: Clock
  readonly log: Log
  /** Version of the gateway. */
  readonly version: string
}

/** The parts that a configuration asks for. */
export interface Parts {
  /** Reports to the log and to other gateways; the telemetry subscribes when it is started. */
  readonly events: OperatorEventHub
  readonly redis: RedisStore | undefined
  readonly broadcast: Broadcast | undefined
  readonly prices: PriceTable
  /** Stops watching the files that are read again. */
  readonly stopWatching: () => void
  readonly providers: readonly Provider[]
  readonly planner: Planner
  readonly authenticator: Authenticator
  readonly limiter: Limiter
  /** Undefined when there is no cache. */
  readonly cacheStore: CacheStore | undefined
  readonly idempotency: IdempotencyStore
  /** Undefined when costs are not recorded. */
  readonly ledger: OpenLedger | undefined
  /** Bounds the bytes of replies, of vendors and to callers. */
  readonly replies: ByteBudget
  /** Undefined when there are no budgets. */
  readonly budgets: ConfiguredBudgets | undefined
  readonly gates: Gates
  readonly circuits: Circuits
  readonly locks: SafetyLocks
  readonly loopDelay: LoopDelay
  /** Downloads of models to the operator's own machines. */
  readonly pulls: ModelPulls
}

/** Makes the parts. Connects to Redis and the ledger's database; nothing else is contacted. */
export async function build(config: Config, environment: Environment): Promise<Parts> {
  const { clock, log } = environment
  const events = new OperatorEventHub()
  events.subscribe(logOperatorEvents(log))
  const redis = config.redis && (await connectRedis({ ...config.redis, clock, events }))
  const broadcast = redis && new Broadcast({ store: redis, clock, origin: randomUUID() })
  if (broadcast) events.subscribe(broadcastKeyEvents(broadcast))
  const ledger = config.ledger && (await openLedger(config.ledger, { clock, log, events }))
  const prices = await createPrices(config, environment)
  const replies = new ByteBudget(config.server.settings.maxReplyBytes)
  const providers = createProviders(config, { prices, replies, clock, events })
  if (broadcast) applyKeyEvents(broadcast, providers)
  const budgets = await createBudgets(config, { clock, events, log, book: ledger?.books, redis })
  return {
    events,
    redis,
    broadcast,
    prices,
    stopWatching: watchPrices(config, prices, clock, events),
    providers,
    planner: new Planner({
      providers,
      aliases: config.models,
      tasks: config.tasks,
      priority: config.priority,
      defaults: config.defaults,
    }),
    authenticator: createAuthenticator(config.auth, {
      clock,
      limits: config.limits.caller,
      aliases: new Set(config.models.map(({ name }) => name)),
    }),
    limiter: createLimiter(config, clock, redis),
    ledger,
    cacheStore: config.cache && createCache(config.cache, { redis, broadcast, clock }),
    idempotency: createIdempotency(config, clock, redis),
    replies,
    budgets,
    gates: createGates(config, clock),
    circuits: new Circuits(clock, {}, events),
    locks: createLocks(config, clock, { providers, events }),
    loopDelay: new LoopDelay(clock),
    pulls: new ModelPulls(clock),
  }
}

/** The configuration has seen to it that there is a Redis where one is needed. */
function createCache(
  { strategy, maxEntries, maxBytes }: CacheSettings,
  { redis, broadcast, clock }: { redis: RedisStore | undefined; broadcast: Broadcast | undefined; clock: Clock },
): CacheStore {
  if (strategy === 'memory' || !redis || !broadcast) return new MemoryCache({ clock, maxEntries, maxBytes })
  const far = new RedisCache({ store: redis, clock })
  if (strategy === 'redis') return far
  const near = new MemoryCache({ clock, maxEntries, maxBytes, maxTtl: NEAR_TTL })
  return new HybridCache({ near, far, broadcast, clock })
}

/** Remembers keys in Redis where there is one, and in memory for the time that it is unavailable. */
function createIdempotency({ idempotency }: Config, clock: Clock, redis: RedisStore | undefined): IdempotencyStore {
  const memory = new MemoryIdempotency({ ...idempotency, clock })
  return redis ? new RedisIdempotency({ store: redis, clock, ttl: idempotency.ttl, memory }) : memory
}

/** The price list takes 20 MB: it is loaded only if a configured vendor is in it. */
async function createPrices(config: Config, { clock, version }: Environment): Promise<PriceTable> {
  const list = config.providers.some(({ kind }) => kind.prices) ? await loadPrices() : undefined
  return new PriceTable({ clock, settings: config.prices, list, version })
}

function createProviders(
  config: Config,
  tools: Pick<ProviderTools, 'prices' | 'replies' | 'clock' | 'events'>,
): Provider[] {
  return config.providers.map((settings) =>
    createProvider(settings, { ...tools, upstreamMessages: config.telemetry.upstreamMessages, proxy: config.proxy }),
  )
}

function watchPrices(config: Config, prices: PriceTable, clock: Clock, events: OperatorEvents): () => void {
  const { file } = config.prices
  if (!file) return () => {}
  return watchPriceFile({ path: file.path, version: file.prices.version, prices, clock, events })
}

/** Counts in memory, or in Redis with a share of it in memory for the time that Redis is unavailable. */
function createLimiter({ limits }: Config, clock: Clock, redis: RedisStore | undefined): Limiter {
  if (limits.store === 'memory' || !redis) return new MemoryLimiter({ clock })
  const local = new MemoryLimiter({ clock, share: 1 / limits.replicas })
  return new RedisLimiter({ store: redis, clock, local: limits.onRedisTrouble === 'local' ? local : undefined })
}

function createLocks(
  config: Config,
  clock: Clock,
  { providers, events }: { readonly providers: readonly Provider[]; readonly events: OperatorEvents },
): SafetyLocks {
  const spares = Object.entries(config.safetyLocks).flatMap(([provider, target]) => {
    const { provider: name, model } = splitTarget(target)
    const spare = providerNamed(providers, name)
    return spare ? [{ provider, target: { provider: spare, model, defaults: config.defaults } }] : []
  })
  return new SafetyLocks({
    clock,
    spares,
    events,
  })
}

function createGates({ server, providers }: Config, clock: Clock): Gates {
  const gate = ({ most, queue }: ConcurrencyLimit) => new ConcurrencyGate({ clock, limit: most, queue })
  const bounded = providers.flatMap(({ name, concurrency }) =>
    concurrency ? [[name, gate(concurrency)] as const] : [],
  )
  return { providers: new Map(bounded), process: server.concurrency && gate(server.concurrency) }
}
