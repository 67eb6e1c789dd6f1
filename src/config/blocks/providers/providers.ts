import type { ProviderKind, ProviderSettings } from '../../../providers/define.ts'
import { hasName, kindNamed, namesOf } from '../../../providers/index.ts'
import { defaultTimeouts } from '../../../providers/settings.ts'
import type { Variables } from '../../env/variables.ts'
import { report } from '../../file/issues.ts'
import type { OldProviderEntry } from '../../file/old-block.ts'
import { type ProviderEntry, providerBlock } from '../../file/provider-block.ts'
import { modelId, unique } from '../../file/readers.ts'
import { type Findings, pathText, withHint } from '../../findings.ts'
import { concurrencyOf } from '../concurrency.ts'
import { ownLimits } from '../limits.ts'
import { timeoutsOf } from '../routes.ts'
import { baseUrlFault, correctedBaseUrl } from './base-url.ts'
import { readHeaders } from './headers.ts'
import { modelOverrides } from './provider-models.ts'
import { missing, optionsOf } from './provider-options.ts'

/** Variables of the providers of a kind, each list by decreasing precedence. */
export interface ProviderVariables {
  readonly keys: readonly string[]
  readonly baseUrl: readonly string[]
  readonly defaultModel: readonly string[]
  readonly options: Readonly<Record<string, readonly string[]>>
}

export function providerVariables(kind: ProviderKind): ProviderVariables {
  const { environment } = kind
  const own = namesOf(kind).map(ownVariables)
  return {
    keys: unique([...own.map(({ key }) => key), ...(environment.keys ?? [])]),
    baseUrl: unique([...own.map(({ baseUrl }) => baseUrl), ...(environment.baseUrl ?? [])]),
    defaultModel: unique([...own.map(({ model }) => model), ...(environment.defaultModel ?? [])]),
    options: environment.options ?? {},
  }
}

/** Variables that every kind has, for each of its names. */
export function ownVariables(kind: string) {
  const prefix = `LLM_GATEWAY_${kind.toUpperCase().replaceAll('-', '_')}`
  return { key: `${prefix}_API_KEY`, baseUrl: `${prefix}_BASE_URL`, model: `${prefix}_MODEL` }
}

/** Everything that reading a provider needs. */
export interface ProviderSources {
  readonly kinds: readonly ProviderKind[]
  readonly variables: Variables
  readonly findings: Findings
}

/** The providers in the file. What an entry leaves out comes from the variables of its kind. */
export function writtenProviders(
  entries: Readonly<Record<string, unknown>>,
  sources: ProviderSources,
): readonly ProviderSettings[] {
  return Object.entries(entries).flatMap(([name, written]) => {
    const provider = writtenProvider(name, written ?? {}, sources)
    return provider ? [provider] : []
  })
}

function writtenProvider(name: string, written: unknown, sources: ProviderSources): ProviderSettings | undefined {
  const { kinds, findings } = sources
  const path = ['providers', name]
  const kindName = kindOf(written) ?? name
  const kind = kindNamed(kindName, kinds)
  if (!kind) {
    const known = kinds.map((candidate) => candidate.kind)
    const reason = withHint(`"${kindName}" is not a kind of provider; known: ${known.join(', ')}`, kindName, known)
    findings.problem(pathText([...path, 'kind']), reason)
    return undefined
  }
  const entry = providerBlock(kind).safeParse(written)
  if (!entry.success) {
    report(entry.error.issues, path, findings)
    return undefined
  }
  return settingsOf(name, kind, entry.data, path, sources)
}

function kindOf(written: unknown): string | undefined {
  const kind = typeof written === 'object' && written !== null && 'kind' in written ? written.kind : undefined
  return kind === undefined ? undefined : String(kind)
}

/** Providers that the operator wants for calls that name no model. */
export interface Wanted {
  readonly primary: string | undefined
  readonly others: readonly string[]
}

/**
 * The providers of a gateway whose file has none, in the order of the list of kinds: kinds whose key is set; kinds without
 * a key whose address is set, or known if they are wanted; always the primary and those of the older block, so that
 * missing settings are reported. If nothing says which ones are wanted, also those that are assumed.
 */
export function discoveredProviders(
  old: Readonly<Record<string, OldProviderEntry | undefined>>,
  wanted: Wanted,
  sources: ProviderSources,
): readonly ProviderSettings[] {
  const anyWanted = wanted.primary !== undefined || wanted.others.length > 0 || Object.keys(old).length > 0
  return sources.kinds.flatMap((kind) => {
    const written = old[kind.kind]
    const isNamed = (name: string) => hasName(kind, name)
    const demanded = written !== undefined || (wanted.primary !== undefined && isNamed(wanted.primary))
    const chosen = demanded || isUsable(kind, wanted.others.some(isNamed), sources)
    const assumed = !chosen && !anyWanted && kind.assumed === true
    if (!chosen && !assumed) return []
    const path = [written ? 'llm_gateway' : 'providers', kind.kind]
    const provider = settingsOf(kind.kind, kind, fromOld(written), path, sources)
    return provider ? [assumed ? { ...provider, assumed } : provider] : []
  })
}

function isUsable(kind: ProviderKind, isWanted: boolean, { variables, findings }: ProviderSources): boolean {
  const names = providerVariables(kind)
  const key = variables.numbered(names.keys)[0]
  const addressed = variables.first(names.baseUrl) !== undefined
  if (key && !addressed && kind.baseUrl === undefined) {
    findings.notice(`${key.from} is set, but ${kind.kind} is left out: it also needs ${names.baseUrl.join(' or ')}.`)
    return false
  }
  return key !== undefined || (!needsKey(kind) && (addressed || (isWanted && kind.baseUrl !== undefined)))
}

function fromOld(old: OldProviderEntry | undefined): ProviderEntry {
  return {
    base_url: old?.base_url,
    default_model: old?.default_model,
    timeout: { total: old?.timeout },
  }
}

function needsKey({ key, keyOptional }: ProviderKind): boolean {
  return key !== undefined && keyOptional !== true
}

/** `entry` takes precedence over the variables of the kind. `path`: where the entry is, or would be written. */
function settingsOf(
  name: string,
  kind: ProviderKind,
  entry: ProviderEntry,
  path: readonly string[],
  sources: ProviderSources,
): ProviderSettings | undefined {
  const { variables, findings } = sources
  const before = findings.problems.length
  const own = providerVariables(kind)
  const baseUrl = addressOf(kind, entry, path, sources)
  const keys = keysOf(kind, entry, path, sources)
  const stated = entry.default_model ?? variables.read({ names: own.defaultModel, reader: modelId }, findings)?.value
  const model = stated ?? kind.defaultModel
  const embedModel = entry.default_embed_model ?? kind.defaultEmbedModel
  const headers = readHeaders(entry.headers ?? {}, [...path, 'headers'], kind.key?.name, findings)
  const options = optionsOf(kind, entry, path, sources)
  const models = modelOverrides(kind, entry, path, findings)
  if (findings.problems.length > before || baseUrl === undefined) return undefined
  return {
    name,
    kind,
    baseUrl,
    keys,
    ...(model !== undefined && { defaultModel: model }),
    ...(embedModel !== undefined && { defaultEmbedModel: embedModel }),
    headers,
    timeout: { ...defaultTimeouts, ...(entry.timeout && timeoutsOf(entry.timeout)) },
    streamUnary: entry.stream_unary ?? false,
    ...(entry.private_urls && { privateUrls: true }),
    ...(entry.limits && { limits: ownLimits(entry.limits) }),
    ...concurrencyOf(entry, path, findings),
    ...(entry.safety_lock && { safetyLock: entry.safety_lock.target }),
    ...(models.length > 0 && { models }),
    options,
  }
}

function addressOf(
  kind: ProviderKind,
  entry: ProviderEntry,
  path: readonly string[],
  { variables, findings }: ProviderSources,
): string | undefined {
  const names = providerVariables(kind).baseUrl
  const written = pathText([...path, 'base_url'])
  const found = entry.base_url === undefined ? addressIn(variables, kind) : { from: written, value: entry.base_url }
  if (found) {
    const fault = baseUrlFault(found.value)
    if (fault === undefined) {
      const { url, advice } = correctedBaseUrl(found.value, kind)
      if (advice) findings.notice(`${found.from}: ${advice}.`)
      return url
    }
    findings.problem(found.from, fault)
  } else if (kind.baseUrl === undefined) {
    findings.problem(written, missing(names))
  }
  return found ? undefined : kind.baseUrl
}

function addressIn(variables: Variables, kind: ProviderKind) {
  const found = variables.first(providerVariables(kind).baseUrl)
  return found && kind.readAddress ? { ...found, value: kind.readAddress(found.value) } : found
}

function keysOf(
  kind: ProviderKind,
  entry: ProviderEntry,
  path: readonly string[],
  { variables, findings }: ProviderSources,
): readonly string[] {
  const names = providerVariables(kind).keys
  const written = entry.keys?.map((value, index) => ({ from: pathText([...path, 'keys', index]), value }))
  if (!kind.key) {
    if (written?.length) findings.problem(pathText([...path, 'keys']), `must be removed: ${kind.kind} takes no key`)
    return []
  }
  const found = written ?? variables.numbered(names)
  if (found.length === 0 && needsKey(kind)) {
    findings.problem(pathText([...path, 'keys']), `is missing: ${kind.kind} needs a key; set ${names.join(' or ')}`)
  }
  for (const { from, value } of found) {
    if (!/^[\x21-\x7e]+$/.test(value))
      findings.problem(from, 'contains characters that no key has: check for spaces and line breaks')
  }
  return unique(found.map(({ value }) => value))
}
