import type { ProviderKind } from '../../../providers/define.ts'
import type { ModelRules, RuleOverride, SettableRule } from '../../../providers/model-rules.ts'
import type { ModelRulesEntry, ProviderEntry } from '../../file/provider-block.ts'
import { type Findings, pathText } from '../../findings.ts'

const keys: Readonly<Record<SettableRule, keyof ModelRulesEntry>> = {
  sampling: 'sampling',
  tokenField: 'token_field',
  systemRole: 'system_role',
  maxStops: 'max_stops',
  maxTools: 'max_tools',
  effortWithTools: 'effort_with_tools',
  batchInputs: 'batch_inputs',
  batchTokens: 'batch_tokens',
  api: 'api',
  completions: 'completions',
}

/** `providers.<name>.models`: what the operator says of single models. Rules that the kind does not read are problems. */
export function modelOverrides(
  kind: ProviderKind,
  entry: ProviderEntry,
  path: readonly string[],
  findings: Findings,
): readonly RuleOverride[] {
  const settable = kind.models?.settable ?? []
  return Object.entries(entry.models ?? {}).map(([pattern, written]) => {
    const rules = rulesOf(written)
    for (const rule of Object.keys(keys) as SettableRule[]) {
      if (rules[rule] === undefined || settable.includes(rule)) continue
      const known = settable.map((name) => keys[name])
      const reason = `cannot be set for ${kind.kind}; it takes: ${known.join(', ') || 'none'}`
      findings.problem(pathText([...path, 'models', pattern, keys[rule]]), reason)
    }
    return { pattern, rules }
  })
}

function rulesOf(written: ModelRulesEntry): ModelRules {
  return Object.fromEntries(
    Object.entries(keys).flatMap(([rule, key]) => (written[key] === undefined ? [] : [[rule, written[key]]])),
  )
}
