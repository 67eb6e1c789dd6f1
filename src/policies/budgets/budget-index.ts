import type { BudgetKey, BudgetRule } from '../../domain/budgets/budget-rule.ts'
import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated } from '../../domain/calls/facts.ts'
import { matchesGlob } from '../../domain/text/glob.ts'

/** Whom a call's cost is counted for. */
export interface Spender {
  readonly caller: string
  /** Empty for a call without one. */
  readonly userId: string
  readonly labels: Readonly<Record<string, string>>
}

export function spenderOf({ caller, request }: Call & Authenticated): Spender {
  return { caller: caller.name, userId: request.userId, labels: request.labels }
}

/** Subjects of a scope that are remembered. Callers choose the ids of users and the values of labels. */
const MAX_REMEMBERED = 10_000

const NONE: readonly BudgetKey[] = []

/** Finds the budgets of a call. What it takes does not grow with their number: they are looked up by subject. */
export class BudgetIndex {
  readonly rules: readonly BudgetRule[]
  readonly #global: readonly BudgetKey[]
  readonly #providers: SubjectIndex
  readonly #callers: SubjectIndex
  readonly #users: SubjectIndex
  /** Rules that name one label, by its name. */
  readonly #labels: ReadonlyMap<string, SubjectIndex>
  /** Rules that name several labels. */
  readonly #severalLabels: readonly BudgetRule[]

  constructor(rules: readonly BudgetRule[]) {
    const of = (scope: BudgetRule['scope']) => rules.filter((rule) => rule.scope === scope)
    const byLabel = of('label')
    const single = byLabel.filter(({ labels }) => Object.keys(labels).length === 1)
    const names = new Set(single.flatMap(({ labels }) => Object.keys(labels)))
    this.rules = rules
    this.#global = of('global').map((rule) => ({ rule, subject: '' }))
    this.#providers = new SubjectIndex(of('provider'), matchesSubject)
    this.#callers = new SubjectIndex(of('caller'), matchesSubject)
    this.#users = new SubjectIndex(of('user'), matchesUser)
    this.#labels = new Map([...names].map((name) => [name, labelIndex(name, single)]))
    this.#severalLabels = byLabel.filter((rule) => !single.includes(rule))
  }

  get isEmpty(): boolean {
    return this.rules.length === 0
  }

  /** Whether a budget that is not shared counts this subject. */
  hasSubject(rule: BudgetRule, subject: string): boolean {
    switch (rule.scope) {
      case 'global':
        return subject === ''
      case 'provider':
      case 'caller':
        return subject !== '' && matchesSubject(rule, subject)
      case 'user':
        return /^[^/]+\/[^/]+$/.test(subject) && matchesUser(rule, subject)
      case 'label':
        return matchesLabels(rule, subject)
      default:
        return rule.scope satisfies never
    }
  }

  /** The budgets of an attempt at a provider. */
  keysOf(spender: Spender, provider: string): readonly BudgetKey[] {
    const own = this.ownKeysOf(spender)
    const ofProvider = this.#providers.keysOf(provider)
    if (own.length === 0 && ofProvider.length === 0) return this.#global
    return [...this.#global, ...ofProvider, ...own]
  }

  /** The budgets of a spender whatever provider is asked, without global ones. */
  ownKeysOf({ caller, userId, labels }: Spender): readonly BudgetKey[] {
    const ofCaller = this.#callers.keysOf(caller)
    const ofUser = userId === '' ? NONE : this.#users.keysOf(userSubject(caller, userId))
    const ofLabels = this.#keysOfLabels(labels)
    if (ofUser.length === 0 && ofLabels.length === 0) return ofCaller
    return [...ofCaller, ...ofUser, ...ofLabels]
  }

  #keysOfLabels(labels: Readonly<Record<string, string>>): readonly BudgetKey[] {
    if (this.#labels.size === 0 && this.#severalLabels.length === 0) return NONE
    const keys: BudgetKey[] = []
    for (const [name, value] of Object.entries(labels)) {
      const index = this.#labels.get(name)
      if (index) keys.push(...index.keysOf(value))
    }
    for (const rule of this.#severalLabels) {
      const named = Object.keys(rule.labels)
      if (!named.every((name) => Object.hasOwn(labels, name) && matchesLabel(rule, name, labels[name] ?? ''))) continue
      keys.push({ rule, subject: rule.shared ? '' : named.map((name) => `${name}=${labels[name]}`).join() })
    }
    return keys
  }
}

/** `caller/user`, with slashes and percent signs of either name encoded, so that no two pairs have one subject. */
function userSubject(caller: string, userId: string): string {
  return `${usersOf(caller)}${encodeSlashes(userId)}`
}

/** What the subjects of a caller's users begin with. */
export function usersOf(caller: string): string {
  return `${encodeSlashes(caller)}/`
}

function encodeSlashes(name: string): string {
  return name.replace(/[%/]/g, encodeURIComponent)
}

type Matches = (rule: BudgetRule, subject: string) => boolean

/** Rules of one scope. The keys of a subject are made once. */
class SubjectIndex {
  readonly #rules: readonly BudgetRule[]
  readonly #matches: Matches
  readonly #prefix: string
  readonly #known = new Map<string, readonly BudgetKey[]>()

  constructor(rules: readonly BudgetRule[], matches: Matches, prefix = '') {
    this.#rules = rules
    this.#matches = matches
    this.#prefix = prefix
  }

  keysOf(subject: string): readonly BudgetKey[] {
    if (this.#rules.length === 0) return NONE
    const known = this.#known.get(subject)
    if (known) return known
    const found = this.#rules
      .filter((rule) => this.#matches(rule, subject))
      .map((rule) => ({ rule, subject: rule.shared ? '' : this.#prefix + subject }))
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    this.#known.set(subject, found)
    return found
  }
}

function labelIndex(name: string, rules: readonly BudgetRule[]): SubjectIndex {
  const naming = rules.filter(({ labels }) => Object.hasOwn(labels, name))
  return new SubjectIndex(naming, (rule, value) => matchesLabel(rule, name, value), `${name}=`)
}

function matchesLabel({ labels }: BudgetRule, name: string, value: string): boolean {
  return matchesGlob(labels[name] ?? '*', value)
}

/** `label=value` of each label that the rule names, in its order. */
function matchesLabels(rule: BudgetRule, subject: string): boolean {
  const patterns = Object.entries(rule.labels).map(([name, pattern]) => `${name}=${pattern}`)
  return subject !== '' && matchesGlob(patterns.join(), subject)
}

function matchesSubject({ match }: BudgetRule, subject: string): boolean {
  return match === undefined || matchesGlob(match, subject)
}

/** A pattern without a slash is about the user's id alone. */
function matchesUser({ match }: BudgetRule, subject: string): boolean {
  if (match === undefined) return true
  return matchesGlob(match, match.includes('/') ? subject : subject.slice(subject.indexOf('/') + 1))
}
