import type { Defaults, OnInvalid, OnUnknown, Timeouts } from '../domain/call.ts'
import type { Strategy } from '../domain/facts.ts'
import type { RateLimits } from '../domain/limits.ts'
import type { CacheRules } from '../domain/ports/cache.ts'
import type { AuthSettings } from '../identity/settings.ts'
import type { ConcurrencyLimit, ProviderSettings } from '../providers/define.ts'
import type { PriceOverride } from '../providers/prices/price-override.ts'
import type { ServerSettings } from '../server/settings.ts'
import type { LedgerSettings } from '../stores/ledger/settings.ts'
import type { RedisAddress } from '../stores/redis/redis-address.ts'

/** The whole configuration, checked, with every default filled in. Durations are in ms, sizes in bytes. */
export interface Config {
  readonly server: ServerConfig
  readonly auth: AuthSettings
  /** In priority order. */
  readonly providers: readonly ProviderSettings[]
  readonly models: readonly AliasConfig[]
  /** By provider: the target that its calls go to, as `provider/model`, while it is rate limited with no key left. */
  readonly safetyLocks: Readonly<Record<string, string>>
  /** The alias or `provider/model` of each task type. */
  readonly tasks: Readonly<Record<string, string>>
  /** The names of the providers that serve a call which names nothing: the primary, then its fallbacks. */
  readonly priority: readonly string[]
  /** Of calls whose target sets none. */
  readonly defaults: Defaults
  /** By `provider/model`. */
  readonly prices: Readonly<Record<string, PriceOverride>>
  /** Undefined when there is none. */
  readonly cache?: CacheConfig
  /** Undefined when costs are not recorded. */
  readonly ledger?: LedgerSettings
  readonly limits: LimitsConfig
  readonly redis?: RedisConfig
  readonly telemetry: TelemetryConfig
  readonly proxy: ProxyConfig
}

export interface Address {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
}

export interface ServerConfig {
  readonly grpc: Address
  readonly http: Address
  readonly metrics: Address
  readonly settings: ServerSettings
  /** Limit for upstream calls at once; undefined means unbounded. */
  readonly concurrency?: ConcurrencyLimit
  /** Upstream attempts of one call; undefined for the default. */
  readonly maxAttempts: number | undefined
  readonly tls?: TlsConfig
  /** Further names that a server without authentication answers for. */
  readonly hosts: readonly string[]
  readonly cors: { readonly origins: readonly string[] }
}

/** Absolute paths of PEM files. */
export interface TlsConfig {
  readonly cert: string
  readonly key: string
  /** Callers must present a certificate that it signed. */
  readonly clientCa?: string
}

export interface CacheConfig {
  /** Where answers are kept: in this process, in Redis, or in both. */
  readonly strategy: 'memory' | 'redis' | 'hybrid'
  readonly rules: CacheRules
  readonly maxEntries: number
  readonly maxBytes: number
  /** By the name of an alias; what it leaves out is as for all. */
  readonly aliases: Readonly<Record<string, Partial<CacheRules>>>
  /** By the type of task: outranks the alias. */
  readonly tasks: Readonly<Record<string, Partial<CacheRules>>>
}

/** A name that stands for an ordered list of targets. */
export interface AliasConfig {
  readonly name: string
  readonly strategy: Strategy
  /** At least one. */
  readonly targets: readonly AliasTarget[]
  /** The most time for an attempt at one of them. */
  readonly attemptTimeout?: number
  /** In place of those of its targets' providers. */
  readonly timeout?: Partial<Timeouts>
  /** Default: `next`. */
  readonly onUnknown?: OnUnknown
  readonly onInvalid?: OnInvalid
}

export interface AliasTarget {
  /** `provider/model` */
  readonly target: string
  readonly weight?: number
  readonly defaults: Defaults
}

export interface LimitsConfig {
  readonly store: 'memory' | 'redis'
  readonly onRedisTrouble: 'local' | 'refuse'
  /** How many gateways divide the limits among them while Redis is in trouble. */
  readonly replicas: number
  /** Whether limits are only counted and reported. */
  readonly shadow: boolean
  /** Of each caller that has none of its own. */
  readonly caller: RateLimits | undefined
  readonly address: RateLimits | undefined
  readonly user: RateLimits | undefined
  readonly aliases: Readonly<Record<string, RateLimits>>
  readonly providers: Readonly<Record<string, RateLimits>>
}

export interface RedisConfig {
  readonly address: RedisAddress
  /** How long a command may be without a reply. */
  readonly timeout: number
}

export interface TelemetryConfig {
  /** The full URL that traces are sent to; undefined sends none. */
  readonly otlpEndpoint?: string
  /** The share of traces that is kept, 0 to 1. */
  readonly sampleRatio: number
  readonly logLevel: LogLevel
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** How upstreams are reached. */
export interface ProxyConfig {
  /** For https:// upstreams. */
  readonly https?: string
  /** For http:// upstreams. */
  readonly http?: string
  /** Hosts that are reached directly, separated by commas. */
  readonly no?: string
}
