import type { CacheRules } from '../../domain/ports/cache.ts'
import type { CacheConfig, RedisConfig } from '../config.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { CacheRulesEntry, FileSettings } from '../file/schema.ts'
import type { Findings } from '../findings.ts'

const defaults = { ttl: 3_600_000, fallbackTtl: 60_000, maxEntries: 1000, maxBytes: 256 * 2 ** 20 }

/** The cache that the file or the environment asks for. A file that has the block wants one. */
export function cacheOf(
  file: FileSettings,
  env: EnvironmentSettings,
  redis: RedisConfig | undefined,
  findings: Findings,
): CacheConfig | undefined {
  const entry = file.cache
  const old = file.llm_gateway?.cache
  const wanted = entry ? (entry.enabled ?? true) : old ? (old.enabled ?? true) : (env.cacheEnabled?.value ?? false)
  if (!wanted) {
    if (!entry && !old && !env.cacheEnabled) reportUnwanted(env, findings)
    return undefined
  }
  const ttl = entry?.ttl ?? old?.ttl ?? env.cacheTtl?.value ?? defaults.ttl
  return {
    strategy: strategyOf(entry, env, redis, findings),
    rules: {
      enabled: true,
      ttl,
      fallbackTtl: entry?.fallback_ttl ?? defaults.fallbackTtl,
      maxTemperature: entry?.max_temperature,
    },
    maxEntries: entry?.max_entries ?? old?.max_size ?? env.cacheMaxSize?.value ?? defaults.maxEntries,
    maxBytes: entry?.max_bytes ?? defaults.maxBytes,
    aliases: rulesIn(file.models),
    tasks: { [FROM_THE_CACHE_FIRST]: { enabled: true }, ...rulesIn(file.tasks) },
  }
}

function strategyOf(
  entry: FileSettings['cache'],
  env: EnvironmentSettings,
  redis: RedisConfig | undefined,
  findings: Findings,
): CacheConfig['strategy'] {
  const strategy = entry?.strategy ?? env.cacheStrategy?.value ?? 'memory'
  if (strategy === 'memory' || redis) return strategy
  if (entry?.strategy) findings.problem('cache.strategy', `${strategy} needs redis.url or REDIS_URL`)
  else findings.notice(`CACHE_STRATEGY: ${strategy} needs REDIS_URL; answers are kept in memory.`)
  return 'memory'
}

function reportUnwanted({ cacheTtl, cacheMaxSize, cacheStrategy }: EnvironmentSettings, findings: Findings): void {
  const set = [cacheTtl, cacheMaxSize, cacheStrategy].flatMap((found) => found?.from ?? [])
  if (set.length > 0) findings.notice(`${set.join(', ')}: no effect without a cache; CACHE_ENABLED=true makes one.`)
}

/** The type of task that looks in the cache first, whatever the rules of its alias are. */
const FROM_THE_CACHE_FIRST = 'verification'

/** What holds for an alias or model, asked for a type of task. */
export function rulesFor({ rules, aliases, tasks }: CacheConfig): (name: string, taskType: string) => CacheRules {
  const byName = new Map(Object.entries(aliases))
  const byTask = new Map(Object.entries(tasks))
  return (name, taskType) => {
    const ofAlias = byName.get(name)
    const ofTask = taskType === '' ? undefined : byTask.get(taskType)
    return ofAlias || ofTask ? { ...rules, ...ofAlias, ...ofTask } : rules
  }
}

type Ruled = Readonly<Record<string, { readonly cache?: CacheRulesEntry | undefined }>>

function rulesIn(entries: Ruled | undefined): Record<string, Partial<CacheRules>> {
  return Object.fromEntries(
    Object.entries(entries ?? {}).flatMap(([name, { cache }]) => (cache ? [[name, rulesOf(cache)]] : [])),
  )
}

function rulesOf({ enabled, ttl, fallback_ttl, max_temperature }: CacheRulesEntry): Partial<CacheRules> {
  return {
    ...(enabled !== undefined && { enabled }),
    ...(ttl !== undefined && { ttl }),
    ...(fallback_ttl !== undefined && { fallbackTtl: fallback_ttl }),
    ...(max_temperature !== undefined && { maxTemperature: max_temperature }),
  }
}
