import { z } from 'zod'
import { strategies } from '../../domain/facts.ts'
import type { ProviderKind } from '../../providers/define.ts'
import { samplings } from '../../providers/model-rules.ts'
import { logLevels } from '../config.ts'
import { block, expected, field } from './block.ts'
import {
  decimal,
  duration,
  flag,
  hostName,
  integer,
  ledgerUrl,
  listenAddress,
  memorySize,
  modelId,
  network,
  oneOf,
  origin,
  otlpEndpoint,
  positive,
  type Reader,
  text,
} from './readers.ts'
import { fieldsOf, serverKeys, serverLimitKeys } from './server-keys.ts'

/**
 * The file's shape, as it is written: snake_case, every key optional that has a default or can come from the
 * environment. Strict: a key that means nothing is an error, so that a misspelt one cannot be ignored in silence.
 */

const maxTokens = integer(1, 2 ** 31 - 1)
const temperature = decimal(0, 2)
export const defaultReaders = { maxTokens, temperature }

const cacheEntries = integer(1, 100_000_000)
const cacheStrategy = oneOf(['memory', 'redis', 'hybrid'])
export const cacheReaders = { ttl: duration(), maxEntries: cacheEntries, strategy: cacheStrategy }

const defaults = block({ temperature: field(temperature).optional(), max_tokens: field(maxTokens).optional() })

export const timeoutBlock = block({
  connect: field(duration()).optional(),
  first_token: field(duration()).optional(),
  idle: field(duration()).optional(),
  total: field(duration()).optional(),
})

const count = integer(1, 2 ** 31 - 1)

const limits = block({
  requests: field(count).optional(),
  tokens: field(count).optional(),
  concurrent: field(count).optional(),
  window: field(duration()).optional(),
})
export type LimitsEntry = z.output<typeof limits>

const allLimits = block({
  store: field(oneOf(['memory', 'redis'])).optional(),
  on_redis_trouble: field(oneOf(['local', 'refuse'])).optional(),
  replicas: field(integer(1, 10_000)).optional(),
  shadow: field(flag).optional(),
  caller: limits.optional(),
  address: limits.optional(),
  user: limits.optional(),
  provider: limits.optional(),
})

const redis = block({ url: field(text).optional(), timeout: field(duration()).optional() })

const ledger = block({ url: field(ledgerUrl) })

const server = block({
  grpc: field(listenAddress).optional(),
  http: field(listenAddress).optional(),
  metrics: field(listenAddress).optional(),
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

const sha256: Reader<string> = {
  expects: 'the SHA-256 of a key, 64 hex digits',
  read: (digest) => (/^[0-9a-f]{64}$/i.test(digest) ? digest.toLowerCase() : undefined),
}

export const authBlock = block({
  keys: z
    .array(
      block({
        name: field(text),
        key: z.string().optional(),
        sha256: field(sha256).optional(),
        admin: field(flag).optional(),
        models: z.array(field(text)).min(1, 'must name at least one model').optional(),
        limits: limits.optional(),
      }),
    )
    .optional(),
  jwt: block({
    secret: z.string().optional(),
    issuer: field(text).optional(),
    audience: field(text).optional(),
  }).optional(),
})

const targetId: Reader<string> = {
  expects: 'a target such as provider/model',
  read: (value) => (/^[^/]+\/./.test(value) ? modelId.read(value) : undefined),
}

const safetyLock = block({ target: field(targetId) })

/** What a provider's models take, in place of what the vendor's table says. */
const modelRules = block({
  sampling: field(oneOf(samplings)).optional(),
  token_field: field(oneOf(['max_tokens', 'max_completion_tokens'] as const)).optional(),
  system_role: field(oneOf(['system', 'developer', 'user'] as const)).optional(),
  max_stops: field(integer(0, 1_000)).optional(),
  max_tools: field(integer(0, 10_000)).optional(),
  effort_with_tools: field(flag).optional(),
  batch_inputs: field(integer(1, 1_000_000)).optional(),
  batch_tokens: field(count).optional(),
  api: field(oneOf(['chat', 'responses'] as const)).optional(),
})
export type ModelRulesEntry = z.output<typeof modelRules>

/** The keys of every provider. Those of its kind's own stand beside them. */
export const providerShape = {
  kind: field(text).optional(),
  base_url: field(text).optional(),
  keys: z.array(z.string()).optional(),
  default_model: field(modelId).optional(),
  default_embed_model: field(modelId).optional(),
  headers: z.record(z.string(), field(text)).optional(),
  timeout: timeoutBlock.optional(),
  stream_unary: field(flag).optional(),
  limits: limits.optional(),
  max_concurrent: field(integer(1, 1_000_000)).optional(),
  max_queue: field(integer(0, 1_000_000)).optional(),
  safety_lock: safetyLock.optional(),
  models: z.record(z.string(), modelRules).optional(),
}

/** Options of the kind's own are only named here: they are checked once the environment has filled the gaps. */
export function providerBlock(kind: ProviderKind) {
  const options = Object.fromEntries(Object.keys(kind.options ?? {}).map((key) => [key, z.unknown().optional()]))
  return block({ ...options, ...providerShape })
}

export type ProviderEntry = {
  [Key in keyof typeof providerShape]?: z.output<(typeof providerShape)[Key]> | undefined
}

const target = z.preprocess(
  (value) => (typeof value === 'string' ? { target: value } : value),
  block({
    target: field(targetId),
    weight: field(positive).optional(),
    defaults: defaults.optional(),
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

const alias = block({
  strategy: field(oneOf(strategies)).optional(),
  targets: z.array(target).min(1, 'must name at least one target'),
  attempt_timeout: field(duration()).optional(),
  cache: cacheRules.optional(),
  limits: limits.optional(),
  timeout: timeoutBlock.optional(),
  on_unknown: field(oneOf(['next', 'fail'] as const)).optional(),
  on_invalid: field(oneOf(['next', 'fail'] as const)).optional(),
})

const price = block({
  input: field(decimal(0)),
  output: field(decimal(0)),
  cached_input: field(decimal(0)).optional(),
  cache_write: field(decimal(0)).optional(),
  cache_write_1h: field(decimal(0)).optional(),
  context_window: field(integer(1, 2 ** 31 - 1)).optional(),
})

const telemetry = block({
  otlp_endpoint: field(otlpEndpoint).optional(),
  sample_ratio: field(decimal(0, 1)).optional(),
  log_level: field(oneOf(logLevels)).optional(),
})

/** What older gateways called the settings of one provider. */
export const oldProviderShape = {
  base_url: field(text).optional(),
  default_model: field(modelId).optional(),
  timeout: field(duration()).optional(),
}
const oldProvider = block(oldProviderShape)
export type OldProviderEntry = z.output<typeof oldProvider>

/** `llm_gateway`, the block of older gateways: it names a provider by its kind. */
export function oldBlock(kinds: readonly string[]) {
  const providers = Object.fromEntries(kinds.map((kind) => [kind, oldProvider.optional()]))
  return block({
    ...providers,
    primary_provider: field(text).optional(),
    fallback_providers: z.array(field(text)).optional(),
    cache: block({
      enabled: field(flag).optional(),
      ttl: field(duration()).optional(),
      max_size: field(cacheEntries).optional(),
    }).optional(),
  })
}

/** What serves a type of task, with rules for the cache of its own where it has any. */
const task = z.preprocess(
  (value) => (typeof value === 'string' ? { model: value } : value),
  block({ model: field(modelId), cache: cacheRules.optional() }),
)

const NAME = /^[a-z0-9][a-z0-9_-]*$/

/** `oldKinds`: what the block of older gateways may name, known here or not. */
export function fileSchema(oldKinds: readonly string[]) {
  return block({
    server: server.optional(),
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
    safety_lock: safetyLock.optional(),
    tasks: z.record(z.string(), task).optional(),
    cache: cache.optional(),
    priority: z.array(field(text)).min(1, 'must name at least one provider').optional(),
    defaults: defaults.optional(),
    prices: z.record(z.string(), price).optional(),
    limits: allLimits.optional(),
    redis: redis.optional(),
    ledger: ledger.optional(),
    telemetry: telemetry.optional(),
    llm_gateway: oldBlock(oldKinds).optional(),
  })
}

export type FileSettings = z.output<ReturnType<typeof fileSchema>>
