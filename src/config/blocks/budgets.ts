import { type BudgetRule, defaultBudget } from '../../domain/budgets/budget-rule.ts'
import { nanoDollars } from '../../domain/money.ts'
import { type BudgetSettings, defaultBudgetSettings } from '../../policies/budgets/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { BudgetEntry } from '../file/budgets-block.ts'
import type { FileSettings } from '../file/schema.ts'
import { type Findings, withHint } from '../findings.ts'

export interface BudgetSources {
  readonly env: EnvironmentSettings
  /** Names of the configured providers. */
  readonly providers: readonly string[]
  /** IANA zone of budgets that name none. */
  readonly timeZone: string | undefined
  readonly findings: Findings
}

/** The budgets of the file and the variables; undefined when there are none. */
export function budgetsOf(file: FileSettings, sources: BudgetSources): BudgetSettings | undefined {
  const timeZone = sources.timeZone ?? defaultBudget.timeZone
  const written = (file.budgets?.list ?? []).map((entry, index) => ruleOf(entry, index, timeZone, sources))
  const rules = [...written, ...fromVariables(written, timeZone, sources)]
  if (rules.length === 0) return undefined
  const names = new Set<string>()
  for (const [index, { name }] of written.entries()) {
    if (names.has(name))
      sources.findings.problem(`budgets.list[${index}].name`, `there are two budgets ${JSON.stringify(name)}`)
    names.add(name)
  }
  return { rules, onRedisTrouble: file.budgets?.on_redis_trouble ?? defaultBudgetSettings.onRedisTrouble }
}

function ruleOf(entry: BudgetEntry, index: number, timeZone: string, sources: BudgetSources): BudgetRule {
  const problem = matchProblem(entry, sources.providers)
  if (problem !== undefined) sources.findings.problem(`budgets.list[${index}].match`, problem)
  const { match } = entry
  return {
    name: entry.name,
    scope: entry.scope,
    ...(typeof match === 'string' && { match }),
    labels: typeof match === 'object' ? match : {},
    shared: entry.shared ?? defaultBudget.shared,
    limit: nanoDollars(entry.limit_usd),
    window: entry.window,
    timeZone: entry.time_zone ?? timeZone,
    weekStart: entry.week_start ?? defaultBudget.weekStart,
    action: entry.action ?? defaultBudget.action,
    reserve: entry.reserve ?? defaultBudget.reserve,
    fit: entry.fit ?? defaultBudget.fit,
  }
}

/** What is wrong with whom a budget is for. */
function matchProblem({ scope, match }: BudgetEntry, providers: readonly string[]): string | undefined {
  if (scope === 'label') {
    const isNamed = typeof match === 'object' && Object.keys(match).length > 0
    return isNamed ? undefined : 'must name a label and its value, as in { team: red } or { team: "*" }'
  }
  if (match === undefined) return undefined
  if (scope === 'global') return 'has no meaning for the scope global, which counts every call'
  if (typeof match === 'object') return 'must be a pattern; only the scope label takes labels'
  if (scope !== 'provider' || /[*?]/.test(match) || providers.includes(match)) return undefined
  return withHint(`${JSON.stringify(match)} is not a configured provider`, match, providers)
}

/** Budgets over everything, from variables. A budget of the same name in the file goes before them. */
function fromVariables(written: readonly BudgetRule[], timeZone: string, { env, findings }: BudgetSources) {
  const action = env.budgetAction?.value ?? defaultBudget.action
  const rules: BudgetRule[] = []
  const add = (name: string, window: 'day' | 'month', found: EnvironmentSettings['budgetDaily']) => {
    if (!found) return
    if (written.some((rule) => rule.name === name)) {
      findings.notice(`${found.from} has no effect: the file has a budget ${JSON.stringify(name)}.`)
      return
    }
    rules.push({
      ...defaultBudget,
      name,
      scope: 'global',
      labels: {},
      limit: nanoDollars(found.value),
      window,
      timeZone,
      action,
    })
  }
  add('daily', 'day', env.budgetDaily)
  add('monthly', 'month', env.budgetMonthly)
  if (env.budgetAction && rules.length === 0) {
    findings.notice(`${env.budgetAction.from} has no effect without COST_BUDGET_DAILY or COST_BUDGET_MONTHLY.`)
  }
  return rules
}
