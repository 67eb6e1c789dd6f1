import type { HiddenReasoning } from '../domain/ports/provider.ts'
import { matchesGlob } from '../domain/text/glob.ts'
import type { Capability } from '../domain/types.ts'

/**
 * What a model takes where vendors differ from model to model. The vendors' tables state it, and the configuration
 * (`providers.<name>.models`) overrides it, so that an operator need not wait for a release. An absent field means: like
 * the vendor's other models.
 */
export interface ModelRules {
  /** When temperature, top_p and the like are taken. `one`: temperature or top_p, not both. */
  readonly sampling?: Sampling
  /** The field for the largest number of tokens in a response. */
  readonly tokenField?: 'max_tokens' | 'max_completion_tokens'
  /** The role of a system message. */
  readonly systemRole?: 'system' | 'developer' | 'user'
  /** Largest number of stop texts; 0 where none are taken. */
  readonly maxStops?: number
  /** Largest number of tools. */
  readonly maxTools?: number
  /** Whether the chat endpoint lets the model think while it has tools. */
  readonly effortWithTools?: boolean
  /** Largest number of inputs in one embedding request. */
  readonly batchInputs?: number
  /** Largest number of tokens in one embedding request, all inputs together. */
  readonly batchTokens?: number
  /** The API that the model is asked by, where the vendor has two. */
  readonly api?: 'chat' | 'responses'
  /** Whether texts are completed at the vendor's endpoint for that, or by a chat. */
  readonly completions?: 'native' | 'chat'
  /** What the vendor's other models can do and this one cannot. */
  readonly lacks?: readonly Capability[]
  /** Tokens that a conversation may have, where the configuration of the kind decides that. */
  readonly contextWindow?: number
  /** When the vendor bills reasoning that it does not show. */
  readonly hiddenReasoning?: HiddenReasoning
}

export const samplings = ['all', 'one', 'without_thinking', 'none'] as const
export type Sampling = (typeof samplings)[number]

/** The fields that the configuration can set. */
export type SettableRule = Exclude<keyof ModelRules, 'lacks' | 'contextWindow' | 'hiddenReasoning'>

/** A row of a vendor's table. */
export interface ModelRow<Rules extends ModelRules> {
  /** Matches the ids of the models that the row is about. */
  readonly models: { test(model: string): boolean }
  readonly rules: Rules
  /** The vendor's page or the public report that says so. */
  readonly source: string
  /** When the source was read, as in `2026-11`. */
  readonly date: string
}

/** The rules of the first row that matches; undefined where none does. */
export function rulesIn<Rules extends ModelRules>(table: readonly ModelRow<Rules>[], model: string): Rules | undefined {
  for (const row of table) if (row.models.test(model)) return row.rules
  return undefined
}

/** An entry of `providers.<name>.models`. */
export interface RuleOverride {
  /** A glob over model ids. */
  readonly pattern: string
  readonly rules: ModelRules
}

const NOTHING: ModelRules = Object.freeze({})

/** What the entries say of a model. Where several match, the first that sets a rule counts. */
export function overridesFor(entries: readonly RuleOverride[], model: string): ModelRules {
  const matching = entries.filter(({ pattern }) => matchesGlob(pattern, model))
  return matching.length === 0 ? NOTHING : Object.assign({}, ...matching.reverse().map(({ rules }) => rules))
}
