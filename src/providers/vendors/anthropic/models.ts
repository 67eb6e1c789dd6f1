import { type ModelRow, type ModelRules, rulesIn } from '../../model-rules.ts'

/** What one model takes. */
export interface ModelTraits extends ModelRules {
  /** How thinking is requested. */
  readonly thinking: 'not at all' | 'by budget' | 'by budget or effort' | 'by effort'
  /** How it is turned off: it is off by default, by a value of `thinking.type`, or not at all. */
  readonly thinkingOff: 'is off' | 'disabled' | 'between_tools' | 'never'
  readonly sampling: NonNullable<ModelRules['sampling']>
  /** Whether it can be forced to call a tool. */
  readonly forcedTools: 'always' | 'without thinking' | 'never'
  /** Whether its answers, and the arguments of strict tools, are bound to a JSON Schema. */
  readonly schemas: boolean
  /** Whether it continues a response that the request begins. */
  readonly prefill: boolean
}

const FAMILIES = ['opus', 'sonnet', 'haiku', 'fable', 'mythos']

const FIRST: ModelTraits = {
  thinking: 'not at all',
  thinkingOff: 'is off',
  sampling: 'all',
  forcedTools: 'without thinking',
  schemas: false,
  prefill: true,
}
const BY_BUDGET: ModelTraits = { ...FIRST, thinking: 'by budget' }
/** It shows a summary of its thinking. https://platform.claude.com/docs/en/build-with-claude/extended-thinking */
const ONE_SAMPLING: ModelTraits = { ...BY_BUDGET, sampling: 'one', hiddenReasoning: 'when asked' }
const WITH_SCHEMAS: ModelTraits = { ...ONE_SAMPLING, schemas: true }
const EITHER: ModelTraits = { ...WITH_SCHEMAS, thinking: 'by budget or effort', prefill: false }
const BY_EFFORT: ModelTraits = { ...EITHER, thinking: 'by effort', sampling: 'none' }
const FIFTH: ModelTraits = {
  ...BY_EFFORT,
  thinkingOff: 'disabled',
  forcedTools: 'always',
  hiddenReasoning: 'by default',
}
const NEWEST: ModelTraits = { ...FIFTH, thinkingOff: 'never', forcedTools: 'never' }

const OVERVIEW = 'https://platform.claude.com/docs/en/about-claude/models/overview'
const ADAPTIVE = 'https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking'
const STRUCTURED = 'https://platform.claude.com/docs/en/build-with-claude/structured-outputs'
const OPUS = 'https://platform.claude.com/docs/en/models/opus-5-5/migration-guide'
const SONNET = 'https://platform.claude.com/docs/en/models/sonnet-5-5/migration-guide'
const THREE = ['opus', 'sonnet', 'haiku']

/** Generations of models, newest first. Unknown newer models are treated like the newest of their family. */
const generations: readonly ModelRow<ModelTraits>[] = [
  row(['opus'], 505, NEWEST, OPUS),
  row(['fable', 'mythos'], 501, NEWEST, OVERVIEW),
  row(['sonnet'], 505, { ...NEWEST, thinkingOff: 'between_tools' }, SONNET),
  row(['fable', 'mythos'], 0, { ...FIFTH, thinkingOff: 'never' }, OVERVIEW),
  row(THREE, 500, FIFTH, OVERVIEW),
  row(['opus'], 408, { ...BY_EFFORT, forcedTools: 'always' }, ADAPTIVE),
  row(['opus'], 407, BY_EFFORT, ADAPTIVE),
  row(THREE, 406, EITHER, ADAPTIVE),
  row(THREE, 405, WITH_SCHEMAS, STRUCTURED),
  row(['opus'], 401, ONE_SAMPLING, OVERVIEW),
  row(THREE, 307, BY_BUDGET, OVERVIEW),
  row(FAMILIES, 0, FIRST, OVERVIEW),
]

/** Row for models of some families from a version on: 405 is 4.5. */
function row(families: readonly string[], since: number, rules: ModelTraits, source: string): ModelRow<ModelTraits> {
  const test = (name: string) => families.includes(familyOf(name) ?? '') && versionOf(name) >= since
  return { models: { test }, rules, source, date: '2026-11' }
}

/** Models of other vendors whose servers speak this API. */
const COMPATIBLE: ModelTraits = { ...BY_BUDGET, thinkingOff: 'disabled' }

/**
 * What a model takes, by its name: `claude-sonnet-4-5-20250929`, `claude-3-7-sonnet-latest`, `claude-fable-5`, with
 * any prefix or suffix that a cloud adds.
 */
export function traitsOf(model: string): ModelTraits {
  const name = /claude-.*/.exec(model.toLowerCase())?.[0]
  if (name === undefined) return COMPATIBLE
  if (familyOf(name) === undefined) return versionOf(name) < 300 ? FIRST : NEWEST
  return rulesIn(generations, name) ?? FIRST
}

function familyOf(name: string): string | undefined {
  return FAMILIES.find((family) => name.includes(family))
}

/** Version in a name; infinite without one, which means the newest. Dates are not versions. */
function versionOf(name: string): number {
  const [, major, minor = 0] = /[-v](\d{1,2})(?:[.-](\d{1,2}))?(?!\d)/.exec(name) ?? []
  return major === undefined ? Number.POSITIVE_INFINITY : Number(major) * 100 + Number(minor)
}
