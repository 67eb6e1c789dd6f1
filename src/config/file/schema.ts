import { z } from 'zod'
import { strategies } from '../../domain/calls/facts.ts'
import { upstreamMessageAudiences } from '../../domain/errors/upstream-messages.ts'
import { durabilities, hitRecords, troubleActions, unknownCharges } from '../../stores/ledger/settings.ts'
import { logLevels } from '../../telemetry/settings.ts'
import { alertsBlock } from './alert-keys.ts'
import { block, expected, field } from './block.ts'
import { budgetsBlock } from './budgets-block.ts'
import { oldBlock } from './old-block.ts'
import {
  currencyCode,
  decimal,
  duration,
  flag,
  hostName,
  integer,
  ledgerUrl,
  listenAddress,
  longDuration,
  memorySize,
  modelId,
  network,
  oneOf,
  origin,
  otlpEndpoint,
  positive,
  type Reader,
  text,
  timeZone,
} from './readers.ts'
import { fieldsOf, serverKeys, serverLimitKeys } from './server-keys.ts'
import {
  cacheEntries,
  cacheStrategy,
  defaultsBlock,
  limitsBlock,
  safetyLockBlock,
  targetId,
  temperature,
  timeoutBlock,
} from './shared-blocks.ts'

/*
 * Shape of the file as it is written: snake_case; a key is optional if it has a default or can come from the
 * environment. An unknown key is an error, so that a misspelt one is not ignored silently.
 */

const allLimits = block({
  store: field(oneOf(['memory', 'redis'])).optional(),
  on_redis_trouble: field(oneOf(['local', 'refuse'])).optional(),
  replicas: field(integer(1, 10_000)).optional(),
  shadow: field(flag).optional(),
  caller: limitsBlock.optional(),
  address: limitsBlock.optional(),
  user: limitsBlock.optional(),
  provider: limitsBlock.optional(),
})

const redis = block({ url: field(text).optional(), timeout: field(duration()).optional() })

const ledger = block({
  url: field(ledgerUrl).optional(),
  folder: field(text).optional(),
  journal: field(text).optional(),
  time_zone: field(timeZone).optional(),
  hits: field(oneOf(hitRecords)).optional(),
  keep: field(longDuration).optional(),
  durability: field(oneOf(durabilities)).optional(),
  write_timeout: field(duration()).optional(),
  on_trouble: field(oneOf(troubleActions)).optional(),
  journal_max: field(memorySize).optional(),
  unknown: field(oneOf(unknownCharges)).optional(),
})

const cost = block({ currency: field(currencyCode).optional(), usd_rate: field(positive).optional() })

const server = block({
  grpc: field(listenAddress).optional(),
  http: field(listenAddress).optional(),
  metrics: field(listenAddress).optional(),
  health: field(listenAddress).optional(),
  max_concurrent: field(integer(1, 1_000_000)).optional(),
  max_queue: field(integer(0, 1_000_000)).optional(),
  max_attempts: field(integer(1, 100)).optional(),
  proxy_protocol: z
    .union([z.literal(false), block({ trusted: z.array(field(network)).min(1, 'must name at least one network') })], {
      error: () => 'must be false, or name the networks of the load balancers: { trusted: [10.0.0.0/8] }',
    })
    .optional(),
  hosts: z.array(field(hostName)).optional(),
  ...fieldsOf(serverKeys),
  limits: block(fieldsOf(serverLimitKeys)).optional(),
  tls: block({ cert: field(text), key: field(text), client_ca: field(text).optional() }).optional(),
  cors: block({ origins: z.array(field(origin)).optional() }).optional(),
})

const batchItems = field(integer(1, 1000))
const batch = block({ parallel: batchItems.optional(), parallel_per_caller: batchItems.optional() })

const sha256: Reader<string> = {
  expects: 'the SHA-256 of a key, 64 hex digits',
  read: (digest) => (/^[0-9a-f]{64}$/i.test(digest) ? digest.toLowerCase() : undefined),
}

/** `all`, `none` or a list of names. */
const nameList = z.union([z.literal('all'), z.literal('none'), z.array(field(text))], {
  error: (issue) => expected('all, none, or a list of names', issue.input),
})

export const authBlock = block({
  provider_options: nameList.optional(),
  cache_namespaces: nameList.optional(),
  keys: z
    .array(
      block({
        name: field(text),
        key: z.string().optional(),
        sha256: field(sha256).optional(),
        admin: field(flag).optional(),
        models: z.array(field(text)).min(1, 'must name at least one model').optional(),
        provider_options: nameList.optional(),
        cache_namespaces: nameList.optional(),
        limits: limitsBlock.optional(),
      }),
    )
    .optional(),
  jwt: block({
    secret: z.string().optional(),
    issuer: field(text).optional(),
    audience: field(text).optional(),
  }).optional(),
})

const target = z.preprocess(
  (value) => (typeof value === 'string' ? { target: value } : value),
  block({
    target: field(targetId),
    weight: field(positive).optional(),
    defaults: defaultsBlock.optional(),
  }),
)

const cacheRuleShape = {
  enabled: field(flag).optional(),
  ttl: field(duration()).optional(),
  fallback_ttl: field(duration(0)).optional(),
  max_temperature: field(temperature).optional(),
}
const cacheRules = block(cacheRuleShape)

const cache = block({
  ...cacheRuleShape,
  strategy: field(cacheStrategy).optional(),
  max_entries: field(cacheEntries).optional(),
  max_bytes: field(memorySize).optional(),
})
export type CacheEntry = z.output<typeof cache>
export type CacheRulesEntry = z.output<typeof cacheRules>

const idempotency = block({ ttl: field(duration()).optional(), max_bytes: field(memorySize).optional() })

const alias = block({
  strategy: field(oneOf(strategies)).optional(),
  targets: z.array(target).min(1, 'must name at least one target'),
  ensure: field(flag).optional(),
  attempt_timeout: field(duration()).optional(),
  cache: cacheRules.optional(),
  limits: limitsBlock.optional(),
  timeout: timeoutBlock.optional(),
  on_unknown: field(oneOf(['next', 'fail'] as const)).optional(),
  on_invalid: field(oneOf(['next', 'fail'] as const)).optional(),
  context_overflow: field(oneOf(['error', 'drop_oldest', 'summarize'] as const)).optional(),
  summarize_with: field(text).optional(),
  trim: field(flag).optional(),
})

const price = block({
  input: field(decimal(0)),
  output: field(decimal(0)),
  cached_input: field(decimal(0)).optional(),
  cache_write: field(decimal(0)).optional(),
  cache_write_1h: field(decimal(0)).optional(),
  context_window: field(integer(1, 2 ** 31 - 1)).optional(),
})

/** Prices by target, beside a list of them and what multiplies them. */
const prices = z
  .object({ file: field(text).optional(), multipliers: z.record(z.string(), field(decimal(0))).optional() })
  .catchall(price)

const telemetry = block({
  otlp_endpoint: field(otlpEndpoint).optional(),
  sample_ratio: field(decimal(0, 1)).optional(),
  trust_sampled: field(flag).optional(),
  propagate_to_vendors: field(flag).optional(),
  log_level: field(oneOf(logLevels)).optional(),
  upstream_messages: field(oneOf(upstreamMessageAudiences)).optional(),
})

/** Model of a task type, with its own cache rules if it has any. */
const task = z.preprocess(
  (value) => (typeof value === 'string' ? { model: value } : value),
  block({ model: field(modelId), cache: cacheRules.optional() }),
)

const NAME = /^[a-z0-9][a-z0-9_-]*$/

/** `oldKinds`: kinds that the block of older gateways may name, whether or not this version has them. */
export function fileSchema(oldKinds: readonly string[]) {
  return block({
    server: server.optional(),
    batch: batch.optional(),
    auth: z
      .union([z.literal('none'), authBlock], { error: (issue) => expected('none, or a block of keys', issue.input) })
      .optional(),
    providers: z
      .record(
        z.string().regex(NAME, 'a name must be made of a-z, 0-9, "-" and "_", and begin with a letter or digit'),
        z.unknown(),
      )
      .optional(),
    models: z.record(z.string(), alias).optional(),
    safety_lock: safetyLockBlock.optional(),
    tasks: z.record(z.string(), task).optional(),
    cache: cache.optional(),
    idempotency: idempotency.optional(),
    priority: z.array(field(text)).min(1, 'must name at least one provider').optional(),
    defaults: defaultsBlock.optional(),
    prices: prices.optional(),
    limits: allLimits.optional(),
    budgets: budgetsBlock.optional(),
    redis: redis.optional(),
    ledger: ledger.optional(),
    cost: cost.optional(),
    alerts: alertsBlock.optional(),
    telemetry: telemetry.optional(),
    llm_gateway: oldBlock(oldKinds).optional(),
  })
}

export type FileSettings = z.output<ReturnType<typeof fileSchema>>
