import type { ProviderKind, ProviderSettings } from '../providers/define.ts'
import { otherNames } from '../providers/index.ts'
import { alertsOf } from './blocks/alerts.ts'
import { authOf, reportOpenNamespaces } from './blocks/auth.ts'
import { budgetsOf } from './blocks/budgets.ts'
import { cacheOf } from './blocks/cache.ts'
import { currencyOf } from './blocks/currency.ts'
import { idempotencyOf } from './blocks/idempotency.ts'
import { ledgerOf } from './blocks/ledger.ts'
import { limitsOf, redisOf } from './blocks/limits.ts'
import { pricesOf } from './blocks/prices.ts'
import { providersOf } from './blocks/providers/chosen-providers.ts'
import {
  aliasesOf,
  asConfigured,
  defaultsOf,
  preferenceOf,
  priorityOf,
  safetyLocksOf,
  tasksOf,
} from './blocks/routes.ts'
import { batchOf, serverOf } from './blocks/server.ts'
import { proxyOf, telemetryOf } from './blocks/telemetry.ts'
import type { Config } from './config.ts'
import type { EnvironmentSettings } from './env/env.ts'
import type { Flags } from './env/flags.ts'
import { knownVariables } from './env/known.ts'
import { reportUnused } from './env/unused.ts'
import type { Variables } from './env/variables.ts'
import { unique } from './file/readers.ts'
import type { FileSettings } from './file/schema.ts'
import type { Findings } from './findings.ts'
import { reportProviders } from './report-providers.ts'

/** What the blocks of a configuration are made from, beside the file and the environment. */
export interface Composing {
  readonly flags: Flags
  readonly kinds: readonly ProviderKind[]
  readonly variables: Variables
  readonly findings: Findings
  /** Absolute form of a path in the file. */
  readonly resolvePath: (path: string) => string
  /** Code of the system's error if files cannot be written in a folder, which need not exist yet. */
  readonly checkFolder: (path: string) => string | undefined
  /** Throws what Node throws. */
  readonly readFile: (path: string) => string
}

/** All blocks, each from its part of the file and the environment. What is wrong with them is in the findings. */
export function compose(file: FileSettings, env: EnvironmentSettings, sources: Composing): Config {
  const { flags, kinds, variables, findings, resolvePath, readFile } = sources
  const auth = authOf(file.auth, env, findings)
  const server = serverOf(file.server, {
    flags,
    env,
    auth,
    findings,
    resolvePath,
    readFile,
  })
  const preference = preferenceOf(file, env)
  const found = providersOf(file, preference, { kinds, variables, findings })
  const names = file.providers ? Object.keys(file.providers) : found.map(({ name }) => name)
  const callable = unique([...names, ...found.flatMap(({ name, kind }) => otherNames(name, kind))])
  const priority = priorityOf(asConfigured(preference, found), askedUnnamed(found, names), findings)
  const pullers = found.filter(({ kind }) => kind.wire?.pull)
  const pullerNames = pullers.flatMap(({ name, kind }) => [name, ...otherNames(name, kind)])
  const models = aliasesOf(file.models, callable, findings, pullerNames)
  const redis = redisOf(file.redis, env, findings)
  const cache = cacheOf(file, env, redis, findings)
  if (cache) reportOpenNamespaces(auth, findings)
  const timeZone = file.ledger?.time_zone ?? env.ledgerTimeZone?.value
  const budgets = budgetsOf(file, { env, providers: names, timeZone, findings })
  const hasRefusingBudget = budgets?.rules.some(({ action }) => action === 'refuse') ?? false
  const ledger = ledgerOf(file.ledger, { ...sources, env, hasBudgets: budgets !== undefined, hasRefusingBudget })
  const currency = currencyOf(file.cost, env, findings)
  if (auth.kind === 'none' && !auth.stated) reportClosed(findings)
  if (!file.providers || names.length === 0) reportProviders(found, kinds, findings)
  reportUnused(variables, new Set(knownVariables(kinds)), findings)
  return {
    server,
    batch: batchOf(file.batch),
    auth,
    providers: inOrder(found, priority),
    models,
    safetyLocks: safetyLocksOf(file.safety_lock, found, callable, findings),
    tasks: tasksOf(file.tasks, models, callable, findings),
    priority,
    defaults: {
      ...(env.temperature && { temperature: env.temperature.value }),
      ...(env.maxTokens && { maxTokens: env.maxTokens.value }),
      ...defaultsOf(file.defaults),
    },
    prices: pricesOf(file.prices, { ...sources, providers: names }),
    ...(cache && { cache }),
    idempotency: idempotencyOf(file.idempotency),
    ...(ledger && { ledger }),
    ...(budgets && { budgets }),
    ...(currency && { currency }),
    limits: limitsOf({ file, env, providers: found, redis, findings }),
    ...(redis && { redis }),
    alerts: alertsOf(file.alerts, { env, findings, redis, ledger }),
    telemetry: telemetryOf(file.telemetry, flags, env, findings),
    proxy: proxyOf(env),
  }
}

/** Calls that name no model must not end at a server that is only assumed, unless there is no other. */
function askedUnnamed(found: readonly ProviderSettings[], names: readonly string[]): readonly string[] {
  const assumed = found.filter((provider) => provider.assumed).map(({ name }) => name)
  return assumed.length < names.length ? names.filter((name) => !assumed.includes(name)) : names
}

function inOrder(providers: readonly ProviderSettings[], priority: readonly string[]): readonly ProviderSettings[] {
  const rank = ({ name }: ProviderSettings) => {
    const place = priority.indexOf(name)
    return place < 0 ? priority.length : place
  }
  return [...providers].sort((a, b) => rank(a) - rank(b))
}

function reportClosed(findings: Findings): void {
  findings.notice(
    'No authentication is configured: only this machine can call. Set auth.keys or JWT_SECRET, or write "auth: none".',
  )
}
