import type { LedgerSettings } from '../../stores/ledger/settings.ts'
import type { RedisSettings } from '../../stores/redis/settings.ts'
import {
  type AlertSettings,
  DEFAULT_SMTP_PORT,
  defaultErrorRate,
  defaultThresholds,
  type EmailSettings,
  type MailServer,
  type WebhookSettings,
} from '../../telemetry/alerts/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { AlertsEntry, WebhookEntry } from '../file/alert-keys.ts'
import { unique } from '../file/readers.ts'
import type { Findings } from '../findings.ts'
import { isMetadataService } from './providers/base-url.ts'

export interface AlertSources {
  readonly env: EnvironmentSettings
  readonly findings: Findings
  readonly redis: RedisSettings | undefined
  readonly ledger: LedgerSettings | undefined
}

const PAGERDUTY_URL = 'https://events.pagerduty.com/v2/enqueue'

/** When alerts come and where they are sent. Without any receiver they go to the log and to metrics. */
export function alertsOf(file: AlertsEntry | undefined, sources: AlertSources): AlertSettings {
  const { env, findings, redis, ledger } = sources
  const { webhooks: entries = [], email: emailEntry, error_rate: errorRate } = file ?? {}
  const webhooks = entries.map((entry, at) => webhookOf(entry, `alerts.webhooks[${at}]`, findings))
  const email = emailOf(emailEntry, env, findings)
  const isShared = redis !== undefined || ledger?.store.kind === 'postgres'
  if ((webhooks.length > 0 || email) && !isShared) {
    findings.notice(
      'Alerts come once from each gateway: replicas need a Redis, or a ledger in Postgres, to share them.',
    )
  }
  return {
    thresholds: [...thresholdsOf(file, env)].sort((a, b) => a - b),
    errorRate: {
      ratio: errorRate?.ratio ?? defaultErrorRate.ratio,
      window: errorRate?.window ?? defaultErrorRate.window,
      minCalls: errorRate?.min_calls ?? defaultErrorRate.minCalls,
    },
    webhooks: webhooks.filter((webhook) => webhook !== undefined),
    ...(email && { email }),
  }
}

/** The variable replaces the threshold in the middle. */
function thresholdsOf(file: AlertsEntry | undefined, { alertThreshold }: EnvironmentSettings): readonly number[] {
  if (file?.thresholds) return unique(file.thresholds)
  if (!alertThreshold) return defaultThresholds
  return unique([defaultThresholds.at(0) ?? 0, alertThreshold.value, defaultThresholds.at(-1) ?? 1])
}

/** Undefined when the entry has a mistake, which is a finding. */
function webhookOf(entry: WebhookEntry, path: string, findings: Findings): WebhookSettings | undefined {
  const { format = 'generic', secret, routing_key: routingKey, events = [] } = entry
  const url = entry.url ?? (format === 'pagerduty' ? PAGERDUTY_URL : undefined)
  if (url === undefined) findings.problem(`${path}.url`, 'is missing')
  else if (isMetadataService(new URL(url).hostname)) {
    findings.problem(`${path}.url`, 'must not be the metadata service of a cloud')
  }
  if (format === 'pagerduty' && routingKey === undefined) findings.problem(`${path}.routing_key`, 'is missing')
  if (format !== 'pagerduty' && routingKey !== undefined) {
    findings.problem(`${path}.routing_key`, `has no effect with the format ${format}: it belongs to pagerduty`)
  }
  if (format !== 'generic' && secret) {
    findings.problem(`${path}.secret`, `has no effect with the format ${format}: only generic is signed`)
  }
  if (url === undefined) return undefined
  return {
    format,
    url: completed(url, format),
    signingKeys: secret ?? [],
    ...(routingKey !== undefined && { routingKey }),
    events: unique(events),
  }
}

/** The address that is posted to. */
function completed(written: string, format: WebhookSettings['format']): string {
  const url = new URL(written)
  const path = url.pathname.replace(/\/+$/, '')
  if (format === 'alertmanager' && !path.endsWith('/api/v2/alerts')) url.pathname = `${path}/api/v2/alerts`
  if (format === 'pagerduty' && path === '') url.pathname = new URL(PAGERDUTY_URL).pathname
  // There Discord imitates Slack.
  if (format === 'discord' && path.endsWith('/slack')) url.pathname = path.slice(0, -'/slack'.length)
  return url.href
}

function emailOf(file: AlertsEntry['email'], env: EnvironmentSettings, findings: Findings): EmailSettings | undefined {
  const { alertEmail, smtpHost, smtpFrom } = env
  const to = file?.to ?? alertEmail?.value
  if (!to) {
    if (file) findings.problem('alerts.email.to', 'is missing: write it, or set COST_ALERT_EMAIL')
    else if (smtpHost) findings.notice(`${smtpHost.from} has no effect without COST_ALERT_EMAIL or alerts.email.`)
    return undefined
  }
  if (!smtpHost) {
    if (file?.to) findings.problem('alerts.email', 'needs a mail server: set SMTP_HOST')
    else findings.notice('COST_ALERT_EMAIL: no e-mail is sent without SMTP_HOST. Alerts go to the log and to metrics.')
    return undefined
  }
  const server = mailServerOf(smtpHost.value, env, findings)
  return { to: unique(to), ...(smtpFrom && { from: smtpFrom.value }), events: unique(file?.events ?? []), server }
}

function mailServerOf(host: string, env: EnvironmentSettings, findings: Findings): MailServer {
  const { smtpPort, smtpUser, smtpPassword, smtpTls } = env
  if (smtpUser && !smtpPassword) findings.problem(smtpUser.from, 'needs SMTP_PASSWORD')
  const login = smtpUser && smtpPassword && { user: smtpUser.value, password: smtpPassword.value }
  return {
    host,
    port: smtpPort?.value ?? DEFAULT_SMTP_PORT,
    ...(login && { login }),
    tls: smtpTls?.value ?? true,
  }
}
