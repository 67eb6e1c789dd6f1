import { resolve } from 'node:path'
import { parseDocument } from 'yaml'
import type { ProviderKind, ProviderSettings } from '../providers/define.ts'
import { kinds as allKinds, kindNamed, namesOf, otherNames, upcoming } from '../providers/index.ts'
import { authOf } from './blocks/auth.ts'
import { cacheOf } from './blocks/cache.ts'
import { ledgerOf } from './blocks/ledger.ts'
import { limitsOf, redisOf } from './blocks/limits.ts'
import { discoveredProviders, type ProviderSources, providerVariables, writtenProviders } from './blocks/providers.ts'
import {
  aliasesOf,
  asConfigured,
  defaultsOf,
  type Preference,
  preferenceOf,
  pricesOf,
  priorityOf,
  safetyLocksOf,
  tasksOf,
} from './blocks/routes.ts'
import { serverOf } from './blocks/server.ts'
import type { Config, ProxyConfig, TelemetryConfig } from './config.ts'
import { type EnvironmentSettings, gatewayVariables, readEnvironment } from './env/env.ts'
import { type Flags, readFlag } from './env/flags.ts'
import { expand } from './env/references.ts'
import { reportUnused } from './env/unused.ts'
import { type Environment, Variables } from './env/variables.ts'
import { report } from './file/issues.ts'
import { unique } from './file/readers.ts'
import { type FileSettings, fileSchema, type OldProviderEntry } from './file/schema.ts'
import { Findings, type Problem } from './findings.ts'
import { reportProviders } from './report-providers.ts'

/** Everything that a configuration is made of, by falling rank: flags, file, environment, `.env`. */
export interface Sources {
  readonly flags?: Flags
  /** The text of the YAML file; undefined when there is none. */
  readonly file?: string | undefined
  /** The folder that paths in the file start from. Default: the working directory. */
  readonly directory?: string
  readonly env: Environment
  /** The text of the `.env` file; undefined when there is none. */
  readonly dotenv?: string | undefined
  /** The text of a file that the configuration names, by its absolute path. Throws what Node throws. */
  readFile?(path: string): string
  readonly kinds?: readonly ProviderKind[]
}

export type Loaded = Loading & ({ readonly config: Config } | { readonly config?: undefined })

interface Loading {
  /** Empty when there is a configuration. */
  readonly problems: readonly Problem[]
  /** What the operator should know. */
  readonly notices: readonly string[]
  /** Limits and checks that the operator believes in and that are not enforced. To be told as warnings. */
  readonly unenforced: readonly string[]
  /** Whether the operator has taken note of them. */
  readonly unenforcedAllowed: boolean
}

/** The configuration, or everything that is wrong with it. No text holds a secret. */
export function loadConfig(sources: Sources): Loaded {
  const findings = new Findings()
  const variables = new Variables(sources.env, sources.dotenv)
  const env = readEnvironment(variables, findings)
  const file = readSettings(sources, variables, findings)
  const config = file && compose(file, env, { ...sources, variables, findings })
  const reported = {
    problems: findings.problems,
    notices: findings.notices,
    unenforced: findings.unenforced,
    unenforcedAllowed: env.allowUnenforced?.value ?? false,
  }
  return config && findings.problems.length === 0 ? { ...reported, config } : reported
}

function readSettings(sources: Sources, variables: Variables, findings: Findings): FileSettings | undefined {
  const before = findings.problems.length
  const tree = parseYaml(sources.file ?? '', findings)
  if (findings.problems.length > before) return undefined
  const expanded = expand(tree, { variables, readFile: fileReader(sources) }, findings)
  const { kinds = allKinds } = sources
  const oldKinds = unique([...kinds.flatMap(namesOf), ...upcoming.map(({ kind }) => kind)])
  const settings = fileSchema(oldKinds).safeParse(expanded ?? {})
  if (!settings.success) report(settings.error.issues, [], findings)
  if (findings.problems.length === before) return settings.data
  // The entries of providers are checked by their kinds, which is worth doing here too: one run tells all mistakes.
  if (isBlock(expanded) && isBlock(expanded['providers'])) {
    writtenProviders(expanded['providers'], { kinds, variables, findings })
  }
  return undefined
}

function isBlock(node: unknown): node is Record<string, unknown> {
  return typeof node === 'object' && node !== null && !Array.isArray(node)
}

/**
 * The tree of a YAML 1.2 file. Of a broken one the place is told and the sort of the fault, not the parser's message:
 * it quotes the file, with whatever secret somebody wrote there.
 */
function parseYaml(text: string, findings: Findings): unknown {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error) {
    const [start] = error.linePos ?? []
    const place = start ? `line ${start.line}, column ${start.col}` : 'the file'
    findings.problem(place, `is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`)
    return undefined
  }
  try {
    return document.toJS()
  } catch {
    // The package refuses a file whose aliases would unfold into something huge.
    findings.problem('the file', 'uses too many aliases')
    return undefined
  }
}

function fileReader({ readFile, directory = '.' }: Sources): (path: string) => string {
  return (path) => {
    if (!readFile) throw new Error('There are no files here.')
    return readFile(resolve(directory, path))
  }
}

type Composing = Sources & { readonly variables: Variables; readonly findings: Findings }

function compose(file: FileSettings, env: EnvironmentSettings, sources: Composing): Config {
  const { variables, findings, flags = {}, directory = '.', kinds = allKinds } = sources
  const auth = authOf(file.auth, env, findings)
  const server = serverOf(file.server, {
    flags,
    env,
    auth,
    findings,
    resolvePath: (path) => resolve(directory, path),
    readFile: fileReader(sources),
  })
  const preference = preferenceOf(file, env)
  const found = providersOf(file, preference, { kinds, variables, findings })
  const names = file.providers ? Object.keys(file.providers) : found.map(({ name }) => name)
  const callable = unique([...names, ...found.flatMap(({ name, kind }) => otherNames(name, kind))])
  const priority = priorityOf(asConfigured(preference, found), askedUnnamed(found, names), findings)
  const models = aliasesOf(file.models, callable, findings)
  const redis = redisOf(file.redis, env, findings)
  const cache = cacheOf(file, env, redis, findings)
  const ledger = ledgerOf(file.ledger, env, findings)
  if (auth.kind === 'none' && !auth.stated) reportClosed(findings)
  if (!file.providers || names.length === 0) reportProviders(found, kinds, findings)
  reportUnused(variables, new Set(knownVariables(kinds)), findings)
  return {
    server,
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
    prices: pricesOf(file.prices, names, findings),
    ...(cache && { cache }),
    ...(ledger && { ledger }),
    limits: limitsOf({ file, env, providers: found, redis, findings }),
    ...(redis && { redis }),
    telemetry: telemetryOf(file.telemetry, flags, env, findings),
    proxy: proxyOf(env),
  }
}

/** Those of the file; without any, those that the environment has keys and addresses for. */
function providersOf(
  file: FileSettings,
  { primary, others }: Preference,
  sources: ProviderSources,
): readonly ProviderSettings[] {
  const old = oldProviders(file, sources)
  if (!file.providers) {
    return discoveredProviders(old, { primary: primary?.value, others: others?.value ?? [] }, sources)
  }
  for (const kind of Object.keys(old)) {
    sources.findings.problem(`llm_gateway.${kind}`, 'is the older way to write providers: write it there')
  }
  return writtenProviders(file.providers, sources)
}

/** The providers in the block of older gateways, by kind. */
function oldProviders(file: FileSettings, { kinds, findings }: ProviderSources): Record<string, OldProviderEntry> {
  const { primary_provider, fallback_providers, cache, ...providers } = file.llm_gateway ?? {}
  const known: Record<string, OldProviderEntry> = {}
  // Every other key of the block holds the settings of one provider.
  for (const [kind, entry] of Object.entries(providers) as [string, OldProviderEntry | undefined][]) {
    if (entry === undefined) continue
    const found = kindNamed(kind, kinds)
    if (found) known[found.kind] = entry
    else findings.notice(`llm_gateway.${kind}: not used yet, this version has no provider ${kind}.`)
  }
  return known
}

/** A call that names nothing must not end at a server that nobody has asked for, unless there is no other. */
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

function telemetryOf(
  file: FileSettings['telemetry'],
  flags: Flags,
  env: EnvironmentSettings,
  findings: Findings,
): TelemetryConfig {
  const endpoint = file?.otlp_endpoint ?? (env.otlpTracesEndpoint ?? env.otlpEndpoint)?.value
  const logLevel = readFlag(flags, 'log-level', findings)?.value ?? file?.log_level ?? env.logLevel?.value
  return {
    ...(endpoint !== undefined && { otlpEndpoint: endpoint }),
    sampleRatio: file?.sample_ratio ?? env.sampleRatio?.value ?? 1,
    logLevel: logLevel ?? 'info',
  }
}

function proxyOf({ httpsProxy, httpProxy, noProxy }: EnvironmentSettings): ProxyConfig {
  return {
    ...(httpsProxy && { https: httpsProxy.value }),
    ...(httpProxy && { http: httpProxy.value }),
    ...(noProxy && { no: noProxy.value }),
  }
}

function reportClosed(findings: Findings): void {
  findings.notice(
    'No authentication is configured: only this machine can call. Set auth.keys or JWT_SECRET, or write "auth: none".',
  )
}

/** Every variable that has an effect, numbered keys by their common name. */
export function knownVariables(kinds: readonly ProviderKind[]): readonly string[] {
  const ofProviders = kinds.flatMap((kind) => {
    const { keys, baseUrl, defaultModel, options } = providerVariables(kind)
    return [...keys, ...baseUrl, ...defaultModel, ...Object.values(options).flat()]
  })
  const ofGateway = Object.values(gatewayVariables).flatMap(({ names }) => names)
  return unique([...ofGateway, ...ofProviders])
}
