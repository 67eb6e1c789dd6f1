import type { Defaults, Timeouts } from '../../domain/calls/call.ts'
import { splitTarget } from '../../domain/text/target-name.ts'
import type { Alias } from '../../policies/planning/planner.ts'
import { usualTaskTypes } from '../../policies/planning/task-types.ts'
import type { ProviderSettings } from '../../providers/define.ts'
import { otherNames } from '../../providers/index.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import { unique } from '../file/readers.ts'
import type { FileSettings } from '../file/schema.ts'
import { type Findings, pathText, withHint } from '../findings.ts'
import { conversationOf } from './conversations.ts'

type Named<T> = Readonly<Record<string, T>>
type AliasEntry = NonNullable<FileSettings['models']>[string]
type TimeoutsEntry = NonNullable<AliasEntry['timeout']>
type DefaultsEntry = NonNullable<FileSettings['defaults']>

/** The aliases. Targets must name configured providers. `pullers`: the providers that can pull models. */
export function aliasesOf(
  entries: FileSettings['models'],
  providers: readonly string[],
  findings: Findings,
  pullers: readonly string[] = [],
): readonly Alias[] {
  return Object.entries(entries ?? {}).map(([name, entry]) => {
    const path = ['models', name]
    if (!/^[\w.:/@+-]{1,256}$/.test(name))
      findings.problem(pathText(path), 'must be made of letters, digits and . _ : / @ + -, at most 256 of them')
    checkTargets(path, entry, providers, findings)
    if (entry.ensure) checkPulls(path, entry, pullers, findings)
    const conversation = conversationOf(name, entries ?? {}, findings)
    return {
      name,
      strategy: entry.strategy ?? 'priority',
      targets: entry.targets.map(({ target, weight, defaults }) => ({
        target,
        ...(weight !== undefined && { weight }),
        defaults: defaultsOf(defaults),
      })),
      ...(entry.attempt_timeout !== undefined && { attemptTimeout: entry.attempt_timeout }),
      ...(entry.timeout && { timeout: timeoutsOf(entry.timeout) }),
      ...(entry.on_unknown !== undefined && { onUnknown: entry.on_unknown }),
      ...(entry.on_invalid !== undefined && { onInvalid: entry.on_invalid }),
      ...(conversation && { conversation }),
      ...(entry.ensure !== undefined && { ensure: entry.ensure }),
    }
  })
}

/** The timeouts that are set. */
export function timeoutsOf({ connect, first_token, idle, total }: TimeoutsEntry): Partial<Timeouts> {
  return {
    ...(connect !== undefined && { connect }),
    ...(first_token !== undefined && { firstToken: first_token }),
    ...(idle !== undefined && { idle }),
    ...(total !== undefined && { total }),
  }
}

function checkTargets(
  path: readonly string[],
  entry: AliasEntry,
  providers: readonly string[],
  findings: Findings,
): void {
  const seen = new Set<string>()
  for (const [index, { target, weight }] of entry.targets.entries()) {
    const at = pathText([...path, 'targets', index])
    const fault = seen.has(target) ? 'is listed twice: remove one' : unknownProvider(target, providers)
    if (fault !== undefined) findings.problem(at, fault)
    seen.add(target)
    if (weight !== undefined && entry.strategy !== 'weighted') {
      findings.notice(`${at}.weight has no effect without strategy: weighted.`)
    }
  }
}

function checkPulls(path: readonly string[], { targets }: AliasEntry, pullers: readonly string[], findings: Findings) {
  if (targets.some(({ target }) => pullers.includes(splitTarget(target).provider))) return
  const able = pullers.length > 0 ? `; ${pullers.join(', ')} can` : ''
  findings.problem(pathText([...path, 'ensure']), `none of the targets is at a provider that can pull models${able}`)
}

/** What is wrong with the provider of a target. */
export function unknownProvider(target: string, providers: readonly string[]): string | undefined {
  const { provider } = splitTarget(target)
  return providers.includes(provider) ? undefined : notConfigured(provider, providers)
}

export function notConfigured(provider: string, providers: readonly string[]): string {
  const configured = providers.length > 0 ? `; configured: ${providers.join(', ')}` : ''
  return withHint(`"${provider}" is not a configured provider${configured}`, provider, providers)
}

export function defaultsOf(entry: DefaultsEntry | undefined): Defaults {
  return {
    ...(entry?.temperature !== undefined && { temperature: entry.temperature }),
    ...(entry?.max_tokens !== undefined && { maxTokens: entry.max_tokens }),
  }
}

/** Target of each provider's safety lock: its own, else the general one. A provider that would be its own has none. */
export function safetyLocksOf(
  ofAll: FileSettings['safety_lock'],
  found: readonly ProviderSettings[],
  providers: readonly string[],
  findings: Findings,
): Named<string> {
  const locks: Record<string, string> = {}
  const check = (path: readonly string[], target: string) => {
    const fault = unknownProvider(target, providers)
    if (fault !== undefined) findings.problem(pathText([...path, 'safety_lock', 'target']), fault)
    const provider = providerOf(target, found)
    if (provider && !provider.kind.local) {
      findings.notice(
        `${pathText([...path, 'safety_lock', 'target'])} is not a local provider, so it may be rate limited too.`,
      )
    }
  }
  if (ofAll) check([], ofAll.target)
  for (const provider of found) {
    const { name, safetyLock } = provider
    if (safetyLock !== undefined) check(['providers', name], safetyLock)
    const target = safetyLock ?? ofAll?.target
    const isItsOwn = target !== undefined && providerOf(target, found) === provider
    if (isItsOwn && safetyLock !== undefined) {
      findings.problem(pathText(['providers', name, 'safety_lock', 'target']), 'must be a target of another provider')
    }
    if (target !== undefined && !isItsOwn) locks[name] = target
  }
  return locks
}

function providerOf(target: string, found: readonly ProviderSettings[]): ProviderSettings | undefined {
  const { provider: wanted } = splitTarget(target)
  return (
    found.find(({ name }) => name === wanted) ?? found.find(({ name, kind }) => otherNames(name, kind).includes(wanted))
  )
}

/** Model, or alias, that each task type is routed to. */
export function tasksOf(
  entries: FileSettings['tasks'],
  aliases: readonly Alias[],
  providers: readonly string[],
  findings: Findings,
): Named<string> {
  const known = aliases.map(({ name }) => name)
  const models = Object.entries(entries ?? {}).map(([task, { model }]) => [task, model] as const)
  for (const [task, model] of models) {
    if (known.includes(model)) continue
    const alias = withHint(`"${model}" is neither an alias nor provider/model`, model, known)
    const fault = model.includes('/') ? unknownProvider(model, providers) : alias
    if (fault !== undefined) findings.problem(pathText(['tasks', task]), fault)
  }
  const unrouted = usualTaskTypes.filter((type) => !models.some(([task]) => task === type))
  if (unrouted.length > 0) {
    findings.notice(`tasks: without a route, these go where a call without a name goes: ${unrouted.join(', ')}.`)
  }
  return Object.fromEntries(models)
}

/** The preferred providers, before it is known which ones are configured. */
export interface Preference {
  readonly primary: { readonly from: string; readonly value: string } | undefined
  /** The providers after the primary, or all of them. */
  readonly others: { readonly from: string; readonly value: readonly string[] } | undefined
  /** Whether `others` is a complete order, which begins with the primary. */
  readonly isOrder: boolean
  /** Whether an unconfigured name is a mistake: `priority` stands in the file that lists the providers. */
  readonly strict: boolean
}

export function preferenceOf(file: FileSettings, env: EnvironmentSettings): Preference {
  if (file.priority) {
    return { primary: undefined, others: { from: 'priority', value: file.priority }, isOrder: true, strict: true }
  }
  const old = file.llm_gateway
  const primary = old?.primary_provider
    ? { from: 'llm_gateway.primary_provider', value: old.primary_provider.toLowerCase() }
    : env.primary
  const fallbacks = old?.fallback_providers
    ? {
        from: 'llm_gateway.fallback_providers',
        value: old.fallback_providers.map((fallback) => fallback.toLowerCase()),
      }
    : env.fallbacks
  return { primary, others: fallbacks ?? env.order, isOrder: !fallbacks, strict: false }
}

/** Replaces other names of a provider's kind, which a preference may use, by the configured name. */
export function asConfigured(preference: Preference, found: readonly ProviderSettings[]): Preference {
  const { primary, others } = preference
  const names = found.map(({ name }) => name)
  const here = (wanted: string) =>
    names.includes(wanted)
      ? wanted
      : (found.find(({ name, kind }) => otherNames(name, kind).includes(wanted))?.name ?? wanted)
  return {
    ...preference,
    primary: primary && { ...primary, value: here(primary.value) },
    others: others && { ...others, value: others.value.map(here) },
  }
}

/** Providers of calls that name no model, in order of preference; without a preference all, in configured order. */
export function priorityOf(
  { primary, others, isOrder, strict }: Preference,
  providers: readonly string[],
  findings: Findings,
): readonly string[] {
  if (primary && !providers.includes(primary.value)) {
    findings.problem(primary.from, notConfigured(primary.value, providers))
  }
  if (!primary && !others) return providers
  const named = others?.value.filter((name, index) => {
    if (providers.includes(name)) return true
    const text = notConfigured(name, providers)
    if (strict) findings.problem(`${others.from}[${index}]`, text)
    else findings.notice(`${others.from}: ${text}`)
    return false
  })
  const first = primary?.value ?? (isOrder ? undefined : providers.find((name) => !named?.includes(name)))
  const order = unique([...(first === undefined ? [] : [first]), ...(named ?? [])])
  return order.length > 0 ? order : providers
}
