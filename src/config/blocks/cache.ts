import type { CacheRules } from '../../domain/ports/cache.ts'
import { type CacheSettings, defaultCacheSettings as defaults } from '../../policies/cache/settings.ts'
import type { RedisSettings } from '../../stores/redis/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { CacheRulesEntry, FileSettings } from '../file/schema.ts'
import type { Findings } from '../findings.ts'

/** Cache settings of the file or the environment. A file that has the block turns the cache on. */
export function cacheOf(
  file: FileSettings,
  env: EnvironmentSettings,
  redis: RedisSettings | undefined,
  findings: Findings,
): CacheSettings | undefined {
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
    tasks: { ...defaults.tasks, ...rulesIn(file.tasks) },
  }
}

function strategyOf(
  entry: FileSettings['cache'],
  env: EnvironmentSettings,
  redis: RedisSettings | undefined,
  findings: Findings,
): CacheSettings['strategy'] {
  const strategy = entry?.strategy ?? env.cacheStrategy?.value ?? defaults.strategy
  if (strategy === 'memory' || redis) return strategy
  if (entry?.strategy) findings.problem('cache.strategy', `${strategy} needs redis.url or REDIS_URL`)
  else
    findings.notice(
      `CACHE_STRATEGY: ${strategy} needs REDIS_URL, so the cache is kept in memory. Set REDIS_URL to share it.`,
    )
  return 'memory'
}

function reportUnwanted({ cacheTtl, cacheMaxSize, cacheStrategy }: EnvironmentSettings, findings: Findings): void {
  const set = [cacheTtl, cacheMaxSize, cacheStrategy].flatMap((found) => found?.from ?? [])
  if (set.length > 0)
    findings.notice(`${set.join(', ')}: no effect without a cache. Set CACHE_ENABLED=true to turn it on.`)
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
