import type { BudgetRule } from '../domain/budgets/budget-rule.ts'
import { dollars } from '../domain/money.ts'
import type { AuthSettings } from '../identity/settings.ts'
import type { Alias } from '../policies/planning/planner.ts'
import type { ProviderSettings } from '../providers/define.ts'
import type { LedgerSettings } from '../stores/ledger/settings.ts'
import type { AlertSettings } from '../telemetry/alerts/settings.ts'
import type { Address, Config } from './config.ts'
import type { Loaded } from './load.ts'

/** Output and exit code of `check`. */
export interface CheckReport {
  readonly lines: readonly string[]
  /** 0 if a gateway would start and enforce everything that is configured, else 1. */
  readonly exitCode: 0 | 1
}

/** Problems as `path: reason`, then warnings and notices, then what would run. */
export function checkReport(loaded: Loaded): CheckReport {
  const { config, problems, notices, unenforced, unenforcedAllowed } = loaded
  const lines = [
    ...problems.map(({ path, reason }) => `${path}: ${reason}`),
    ...unenforced.map((text) => `WARNING: ${text}`),
    ...notices.map((text) => `note: ${text}`),
  ]
  const ignored = unenforced.length > 0 && !unenforcedAllowed
  if (ignored) lines.push('Unset what is not enforced, or set LLM_GATEWAY_ALLOW_UNENFORCED=true to run without it.')
  if (config) lines.push(...summary(config))
  return { lines, exitCode: config && !ignored ? 0 : 1 }
}

/** What would run, in readable form with secrets masked. */
export function summary(config: Config): readonly string[] {
  const { server, auth, providers, models, priority, safetyLocks, ledger, budgets, alerts } = config
  const tls = server.tls ? ' (TLS)' : ''
  const [grpc, http, metrics] = [server.grpc, server.http, server.metrics].map(addressText)
  const hasDefault = models.some(({ name }) => name === 'default')
  return [
    `gRPC on ${grpc}${tls}, HTTP on ${http}${tls}, metrics on ${metrics}${server.health ? `, health on ${addressText(server.health)}` : ''}`,
    `callers: ${authText(auth)}`,
    ...providers.map(providerText),
    ...models.map(aliasText),
    ...Object.entries(safetyLocks).map(([provider, target]) => `safety lock of ${provider}: ${target}`),
    ...(ledger ? [`ledger: ${ledgerText(ledger)}`] : []),
    ...(budgets?.rules ?? []).map(budgetText),
    ...alertsText(alerts),
    `a call that names nothing: ${hasDefault ? 'alias default' : priority.join(', ') || 'no provider'}`,
  ]
}

export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function authText(auth: AuthSettings): string {
  if (auth.kind === 'none') return auth.stated ? 'not checked, as written' : 'not checked, this machine only'
  const keys = auth.keys.map(({ name, admin }) => (admin ? `${name} (admin)` : name))
  return [...keys, ...(auth.jwt ? ['bearers of a JWT'] : [])].join(', ')
}

function providerText({ name, kind, baseUrl, keys, defaultModel, concurrency }: ProviderSettings): string {
  const facts = [
    kind.kind === name ? '' : `kind ${kind.kind}`,
    baseUrl,
    keys.length > 0 ? `keys ${keys.map(maskedKey).join(' ')}` : 'no key',
    defaultModel === undefined ? '' : `default model ${defaultModel}`,
    concurrency === undefined ? '' : `at most ${concurrency.most} calls at once`,
  ]
  return `provider ${name}: ${facts.filter((fact) => fact !== '').join(', ')}`
}

function aliasText({ name, strategy = 'priority', targets }: Alias): string {
  const order = strategy === 'priority' ? '' : ` (${strategy})`
  return `alias ${name}${order}: ${targets.map(({ target }) => target).join(', ')}`
}

function budgetText({ name, scope, match, labels, shared, limit, window, timeZone, action }: BudgetRule): string {
  const values = Object.entries(labels).map(([label, value]) => `${label}=${value}`)
  const of = [scope, match ?? values.join(), shared ? '(shared)' : ''].filter((text) => text !== '').join(' ')
  const per = window === 'total' ? 'in total' : `per ${window} in ${timeZone}`
  return `budget ${name}: ${dollars(limit)} USD ${per} for ${of}, ${action}`
}

/** Shows the parts of an address that cannot be a secret. */
function ledgerText({ store, journal }: LedgerSettings): string {
  switch (store.kind) {
    case 'memory':
      return 'in memory, until the process ends'
    case 'sqlite':
      return `SQLite in ${store.path}, journal in ${journal}`
    case 'postgres': {
      const { host, pathname } = new URL(store.url)
      return `Postgres at ${host}${pathname}, journal in ${journal}`
    }
    default:
      return store satisfies never
  }
}

/** Receivers beside the log. */
function alertsText({ webhooks, email }: AlertSettings): readonly string[] {
  const receivers = [...webhooks.map(({ format }) => format), ...(email ? [`e-mail to ${email.to.join(', ')}`] : [])]
  return receivers.length === 0 ? [] : [`alerts: log, ${receivers.join(', ')}`]
}

/** The last characters tell keys apart; those of a short key would reveal too much. */
function maskedKey(key: string): string {
  return key.length < 20 ? '****' : `****${key.slice(-4)}`
}
