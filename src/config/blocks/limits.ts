import { DEFAULT_WINDOW, overriding, type RateLimits } from '../../domain/limits/limits.ts'
import { defaultLimitSettings as defaults, type LimitSettings } from '../../policies/limits/settings.ts'
import type { ProviderSettings } from '../../providers/define.ts'
import { readRedisUrl } from '../../stores/redis/redis-address.ts'
import { DEFAULT_REDIS_TIMEOUT, type RedisSettings } from '../../stores/redis/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { Found } from '../env/variables.ts'
import type { FileSettings } from '../file/schema.ts'
import type { LimitsEntry } from '../file/shared-blocks.ts'
import { type Findings, pathText } from '../findings.ts'

export function redisOf(
  file: FileSettings['redis'],
  env: EnvironmentSettings,
  findings: Findings,
): RedisSettings | undefined {
  const url = file?.url === undefined ? env.redisUrl : { from: 'redis.url', value: file.url }
  if (!url) {
    if (file) findings.problem('redis.url', 'is missing: write it, or set REDIS_URL')
    return undefined
  }
  const address = readRedisUrl(url.value)
  if (address) return { address, timeout: file?.timeout ?? DEFAULT_REDIS_TIMEOUT }
  findings.problem(
    url.from,
    'must be redis://[user:password@]host[:port][/db], rediss:// for TLS, or redis+sentinel://host:port,host:port/master[/db]',
  )
  return undefined
}

export interface LimitsSources {
  readonly file: FileSettings
  readonly env: EnvironmentSettings
  readonly providers: readonly ProviderSettings[]
  readonly redis: RedisSettings | undefined
  readonly findings: Findings
}

/** All limits except those of single callers, each complete with what it inherits. */
export function limitsOf({ file, env, providers, redis, findings }: LimitsSources): LimitSettings {
  const written = file.limits
  const store = written?.store ?? (redis ? 'redis' : 'memory')
  if (store === 'redis' && !redis) findings.problem('limits.store', 'redis needs redis.url or REDIS_URL')
  const whole = (path: readonly string[], entry: LimitsEntry | undefined) => wholeLimits(path, entry, findings)
  const ofCallers = fromVariables(env.rateRequests, env.rateWindow, findings)
  const ofProviders = fromVariables(env.providerRateRequests, env.providerRateWindow, findings)
  const ofEachProvider = written?.provider ? whole(['limits', 'provider'], written.provider) : ofProviders
  return {
    store,
    onRedisTrouble: written?.on_redis_trouble ?? defaults.onRedisTrouble,
    replicas: written?.replicas ?? defaults.replicas,
    shadow: written?.shadow ?? defaults.shadow,
    caller: written?.caller ? whole(['limits', 'caller'], written.caller) : ofCallers,
    address: whole(['limits', 'address'], written?.address),
    user: whole(['limits', 'user'], written?.user),
    aliases: Object.fromEntries(
      Object.entries(file.models ?? {}).flatMap(([name, { limits }]) => {
        const own = whole(['models', name, 'limits'], limits)
        return own ? [[name, own]] : []
      }),
    ),
    providers: Object.fromEntries(
      providers.flatMap(({ name, limits }) => {
        const own = overriding(limits, ofEachProvider)
        return own ? [[name, own]] : []
      }),
    ),
  }
}

/** The limits that an entry sets, without what it inherits. */
export function ownLimits(entry: LimitsEntry | undefined): Partial<RateLimits> | undefined {
  if (!entry) return undefined
  const { requests, tokens, concurrent, window } = entry
  return {
    ...(requests !== undefined && { requests }),
    ...(tokens !== undefined && { tokens }),
    ...(concurrent !== undefined && { concurrent }),
    ...(window !== undefined && { window }),
  }
}

function wholeLimits(
  path: readonly string[],
  entry: LimitsEntry | undefined,
  findings: Findings,
): RateLimits | undefined {
  const own = ownLimits(entry)
  if (!own) return undefined
  const { requests, tokens, concurrent } = own
  if (requests === undefined && tokens === undefined && concurrent === undefined) {
    findings.problem(pathText(path), 'needs requests, tokens or concurrent')
  }
  return { window: DEFAULT_WINDOW, ...own }
}

function fromVariables(
  requests: Found<number> | undefined,
  window: Found<number> | undefined,
  findings: Findings,
): RateLimits | undefined {
  if (requests) return { requests: requests.value, window: window?.value ?? DEFAULT_WINDOW }
  if (window)
    findings.notice(`${window.from} has no effect without the variable for the number of requests. Set that too.`)
  return undefined
}
