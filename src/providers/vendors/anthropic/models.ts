/** What one model takes. */
export interface ModelTraits {
  /** How thinking is asked for. */
  readonly thinking: 'not at all' | 'by budget' | 'by budget or effort' | 'by effort'
  /** How it is turned off: it is off already, by a word for `thinking.type`, or not at all. */
  readonly thinkingOff: 'is off' | 'disabled' | 'between_tools' | 'never'
  /** Which of temperature, top_p and top_k it takes. */
  readonly sampling: 'all' | 'temperature or top_p' | 'none'
  /** Whether it can be made to call a tool. */
  readonly forcedTools: 'always' | 'without thinking' | 'never'
  /** Whether its answers, and the arguments of strict tools, are bound to a JSON Schema. */
  readonly schemas: boolean
  /** Whether it continues an answer that is begun. */
  readonly prefill: boolean
}

interface Generation extends ModelTraits {
  readonly families: readonly string[]
  /** The first version that is so: 405 is 4.5. */
  readonly since: number
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
const ONE_SAMPLING: ModelTraits = { ...BY_BUDGET, sampling: 'temperature or top_p' }
const WITH_SCHEMAS: ModelTraits = { ...ONE_SAMPLING, schemas: true }
const EITHER: ModelTraits = { ...WITH_SCHEMAS, thinking: 'by budget or effort', prefill: false }
const BY_EFFORT: ModelTraits = { ...EITHER, thinking: 'by effort', sampling: 'none' }
const FIFTH: ModelTraits = { ...BY_EFFORT, thinkingOff: 'disabled', forcedTools: 'always' }
const NEWEST: ModelTraits = { ...FIFTH, thinkingOff: 'never', forcedTools: 'never' }

/**
 * The generations of models, the newest first. What follows the newest of a family is taken to be like it.
 * https://platform.claude.com/docs/en/about-claude/models/overview
 * https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
 * https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 * https://platform.claude.com/docs/en/models/opus-5-5/migration-guide
 * https://platform.claude.com/docs/en/models/sonnet-5-5/migration-guide
 * https://platform.claude.com/docs/en/models/haiku-5-5/migration-guide
 */
const generations: readonly Generation[] = [
  { families: ['opus'], since: 505, ...NEWEST },
  { families: ['fable', 'mythos'], since: 501, ...NEWEST },
  { families: ['sonnet'], since: 505, ...NEWEST, thinkingOff: 'between_tools' },
  { families: ['fable', 'mythos'], since: 0, ...FIFTH, thinkingOff: 'never' },
  { families: ['opus', 'sonnet', 'haiku'], since: 500, ...FIFTH },
  { families: ['opus'], since: 408, ...BY_EFFORT, forcedTools: 'always' },
  { families: ['opus'], since: 407, ...BY_EFFORT },
  { families: ['opus', 'sonnet', 'haiku'], since: 406, ...EITHER },
  { families: ['opus', 'sonnet', 'haiku'], since: 405, ...WITH_SCHEMAS },
  { families: ['opus'], since: 401, ...ONE_SAMPLING },
  { families: ['opus', 'sonnet', 'haiku'], since: 307, ...BY_BUDGET },
  { families: FAMILIES, since: 0, ...FIRST },
]

/** Models of other vendors whose servers speak this API. */
const COMPATIBLE: ModelTraits = { ...BY_BUDGET, thinkingOff: 'disabled' }

/**
 * What a model takes, by its name: `claude-sonnet-4-5-20250929`, `claude-3-7-sonnet-latest`, `claude-fable-5`, with
 * whatever a cloud puts around it.
 */
export function traitsOf(model: string): ModelTraits {
  const name = /claude-.*/.exec(model.toLowerCase())?.[0]
  if (name === undefined) return COMPATIBLE
  const family = FAMILIES.find((candidate) => name.includes(candidate))
  const version = versionOf(name)
  if (family === undefined) return version < 300 ? FIRST : NEWEST
  return generations.find(({ families, since }) => families.includes(family) && version >= since) ?? FIRST
}

/** A name without a version means the newest. Dates are no versions. */
function versionOf(name: string): number {
  const [, major, minor = 0] = /[-v](\d{1,2})(?:[.-](\d{1,2}))?(?!\d)/.exec(name) ?? []
  return major === undefined ? Number.POSITIVE_INFINITY : Number(major) * 100 + Number(minor)
}
