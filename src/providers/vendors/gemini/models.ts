import { Capability } from '../../../domain/types.ts'
import { type ModelRow, type ModelRules, rulesIn } from '../../model-rules.ts'

const { EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA } = Capability

/** Features of the models of one family. */
export interface ModelTraits extends ModelRules {
  /** How the amount of thinking is set; undefined if the model does not think or decides by itself. */
  readonly thinking?: Thinking
  /** Whether temperature, top_p and top_k have an effect. */
  readonly sampling: NonNullable<ModelRules['sampling']>
  /** Whether penalties are taken; later models refuse them. */
  readonly penalties: boolean
  /** Whether a function call must be sent back with its thought signature. */
  readonly signedCalls: boolean
  /** Whether the result of a function may hold images and documents. */
  readonly mediaInResults: boolean
  readonly tools: boolean
  /** Whether structured output is supported: always, never, or only without tools. */
  readonly json: 'always' | 'never' | 'without tools'
}

/** By level, lowest first; or by a budget of tokens. https://ai.google.dev/gemini-api/docs/thinking */
export type Thinking =
  | { readonly by: 'level'; readonly levels: readonly Level[] }
  | {
      readonly by: 'budget'
      readonly least: number
      readonly most: number
      /** Whether thinking can be turned off with a budget of 0. */
      readonly off: boolean
    }

export type Level = 'MINIMAL' | 'LOW' | 'MEDIUM' | 'HIGH'

const fromLow: Thinking = { by: 'level', levels: ['LOW', 'MEDIUM', 'HIGH'] }
const fromMinimal: Thinking = { by: 'level', levels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] }

/** An unknown model: fields that may cause an error are not sent, and nothing that may work is refused. */
const usual: ModelTraits = {
  sampling: 'all',
  maxStops: 5,
  penalties: false,
  signedCalls: false,
  mediaInResults: false,
  tools: true,
  json: 'without tools',
}

/** Its thoughts are billed whole and shown as a summary. https://ai.google.dev/gemini-api/docs/thinking */
const hidden: ModelTraits = { ...usual, hiddenReasoning: 'by default' }

/** https://ai.google.dev/gemini-api/docs/gemini-3 */
const gemini3: ModelTraits = {
  ...usual,
  signedCalls: true,
  mediaInResults: true,
  json: 'always',
  hiddenReasoning: 'by default',
}

const MODELS = 'https://ai.google.dev/gemini-api/docs/models'
const THINKING = 'https://ai.google.dev/gemini-api/docs/thinking'
const GEMMA = 'https://ai.google.dev/gemma/docs/core/gemma_on_gemini_api'
const NEWEST = 'https://ai.google.dev/gemini-api/docs/generate-content/whats-new-gemini-3.6'

/** Families; the first match counts. Names such as `gemini-flash-latest` mean the newest model. */
const families: readonly ModelRow<ModelTraits>[] = [
  row(
    /^gemma-3/,
    { ...usual, tools: false, json: 'never', systemRole: 'user', lacks: [EMBED, TOOLS, JSON_OBJECT, JSON_SCHEMA] },
    GEMMA,
  ),
  row(/^gemma/, usual, GEMMA),
  row(/^gemini-([3-9]|\d\d).*-(image|tts)/, gemini3, MODELS),
  row(/-(image|tts)/, usual, MODELS),
  row(/^gemini-(1|2\.0)/, { ...usual, penalties: true }, MODELS),
  row(/^gemini-2\.5-pro/, { ...hidden, thinking: { by: 'budget', least: 128, most: 32_768, off: false } }, THINKING),
  row(
    /^gemini-2\.5-flash-lite/,
    { ...hidden, thinking: { by: 'budget', least: 512, most: 24_576, off: true } },
    THINKING,
  ),
  row(/^gemini-2\.5-flash/, { ...hidden, thinking: { by: 'budget', least: 1, most: 24_576, off: true } }, THINKING),
  row(/^gemini-2/, usual, MODELS),
  row(/^gemini-(3\.[0-4]|3)-flash/, { ...gemini3, thinking: fromMinimal }, NEWEST),
  row(/^gemini-3\.5-flash(?!-lite)/, { ...gemini3, thinking: fromMinimal }, NEWEST),
  row(/^gemini-((3\.[0-5]|3)-pro|pro-latest)/, { ...gemini3, thinking: fromLow }, NEWEST),
  row(/^gemini-(3\.6-flash|.*flash-lite)/, { ...gemini3, sampling: 'none', thinking: fromMinimal }, NEWEST),
  row(/^gemini-([3-9]|\d\d|flash-latest)/, { ...gemini3, sampling: 'none', thinking: fromLow }, NEWEST),
]

function row(models: RegExp, rules: ModelTraits, source: string): ModelRow<ModelTraits> {
  // Models that embed are in none of these families.
  return { models, rules: { lacks: [EMBED], ...rules }, source, date: '2026-11' }
}

export function traitsOf(model: string): ModelTraits {
  return rulesIn(families, model) ?? usual
}
