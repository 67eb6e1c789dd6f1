export const alertEvents = [
  'budget_threshold',
  'budget_exceeded',
  'error_rate',
  'provider_avoided',
  'ledger_unavailable',
  'price_missing',
  'key_quarantined',
  'pool_exhausted',
  'breaker_open',
  'redis_unavailable',
] as const
export type AlertEvent = (typeof alertEvents)[number]

export const webhookFormats = ['generic', 'slack', 'teams', 'discord', 'pagerduty', 'alertmanager'] as const
export type WebhookFormat = (typeof webhookFormats)[number]

export interface AlertSettings {
  /** Parts of a budget's limit, in ascending order: 0.8 is 80 %. */
  readonly thresholds: readonly number[]
  readonly errorRate: ErrorRateSettings
  readonly webhooks: readonly WebhookSettings[]
  /** Undefined when no e-mail is sent. */
  readonly email?: EmailSettings
}

/** When the failures of a provider are worth an alert. */
export interface ErrorRateSettings {
  /** Share of failed attempts, above 0 up to 1. */
  readonly ratio: number
  /** In ms. */
  readonly window: number
  /** Attempts below which a share means nothing. */
  readonly minCalls: number
}

export interface WebhookSettings {
  readonly format: WebhookFormat
  /** Complete URL; the base URL of an Alertmanager. It may contain a secret. */
  readonly url: string
  /** Keys that `generic` signs with: two while one replaces the other. */
  readonly signingKeys: readonly Buffer[]
  /** Integration key of `pagerduty`. */
  readonly routingKey?: string
  /** Empty for all. */
  readonly events: readonly AlertEvent[]
}

export interface EmailSettings {
  readonly to: readonly string[]
  /** Default: an address of this host. */
  readonly from?: string
  /** Empty for all. */
  readonly events: readonly AlertEvent[]
  readonly server: MailServer
}

export interface MailServer {
  readonly host: string
  readonly port: number
  /** Undefined when the server asks for none. */
  readonly login?: { readonly user: string; readonly password: string }
  /** Whether TLS is required: from the start at port 465, by STARTTLS at others. */
  readonly tls: boolean
}

const HOUR = 3_600_000

export const defaultThresholds: readonly number[] = [0.5, 0.8, 1]
export const defaultErrorRate: ErrorRateSettings = { ratio: 0.05, window: 24 * HOUR, minCalls: 100 }
/** The usual port for the submission of mail. https://www.rfc-editor.org/rfc/rfc6409 */
export const DEFAULT_SMTP_PORT = 587
/** Port for mail over TLS from the start. https://www.rfc-editor.org/rfc/rfc8314 */
export const SMTPS_PORT = 465
