import type { Defaults } from '../domain/calls/call.ts'
import type { Currency } from '../domain/money.ts'
import type { AuthSettings } from '../identity/settings.ts'
import type { BudgetSettings } from '../policies/budgets/settings.ts'
import type { CacheSettings } from '../policies/cache/settings.ts'
import type { IdempotencySettings } from '../policies/idempotency/settings.ts'
import type { LimitSettings } from '../policies/limits/settings.ts'
import type { Alias } from '../policies/planning/planner.ts'
import type { ConcurrencyLimit, ProviderSettings } from '../providers/define.ts'
import type { PriceSettings } from '../providers/prices/settings.ts'
import type { ProxySettings } from '../providers/settings.ts'
import type { ServerSettings } from '../server/settings.ts'
import type { BatchSettings } from '../service/batch/settings.ts'
import type { LedgerSettings } from '../stores/ledger/settings.ts'
import type { RedisSettings } from '../stores/redis/settings.ts'
import type { AlertSettings } from '../telemetry/alerts/settings.ts'
import type { TelemetrySettings } from '../telemetry/settings.ts'

/** The whole configuration, checked, with every default filled in. Durations are in ms, sizes in bytes. */
export interface Config {
  readonly server: ServerConfig
  readonly batch: BatchSettings
  readonly auth: AuthSettings
  /** In priority order. */
  readonly providers: readonly ProviderSettings[]
  readonly models: readonly Alias[]
  /** By provider: the target, as `provider/model`, of its calls while it is rate limited with no key left. */
  readonly safetyLocks: Readonly<Record<string, string>>
  /** Alias or `provider/model` of each task type. */
  readonly tasks: Readonly<Record<string, string>>
  /** Names of the providers of calls that name no model: the primary, then its fallbacks. */
  readonly priority: readonly string[]
  /** For calls whose target has no defaults of its own. */
  readonly defaults: Defaults
  readonly prices: PriceSettings
  /** Undefined when there is none. */
  readonly cache?: CacheSettings
  readonly idempotency: IdempotencySettings
  /** Undefined when costs are not recorded. */
  readonly ledger?: LedgerSettings
  /** In which costs are shown to admins, beside USD; undefined for none. */
  readonly currency?: Currency
  readonly limits: LimitSettings
  /** Undefined when there are none. They need the ledger. */
  readonly budgets?: BudgetSettings
  readonly redis?: RedisSettings
  readonly alerts: AlertSettings
  readonly telemetry: TelemetrySettings
  readonly proxy: ProxySettings
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
  /** Cleartext server for probes; undefined where there is none. */
  readonly health?: Address
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
