/** What the models of one family take. */
export interface ModelTraits {
  /** How the amount of thinking is told; undefined where the model does not think, or not as told. */
  readonly thinking?: Thinking
  /** Whether temperature, top_p and top_k have an effect. */
  readonly sampling: boolean
  /** Whether it takes penalties: later models answer them with an error. */
  readonly penalties: boolean
  /** Whether a function call that comes back without the signature of its thoughts is an error. */
  readonly signedCalls: boolean
  /** Whether the result of a function may hold images and documents. */
  readonly mediaInResults: boolean
  readonly tools: boolean
  /** Whether an answer can be bound to JSON: always, never, or only where there are no tools. */
  readonly json: 'always' | 'never' | 'without tools'
  /** Whether it takes a system instruction. To others the system speaks as the user. */
  readonly system: boolean
}

/** By level, from the least on; or by a budget of tokens. https://ai.google.dev/gemini-api/docs/thinking */
export type Thinking =
  | { readonly by: 'level'; readonly levels: readonly Level[] }
  | {
      readonly by: 'budget'
      readonly least: number
      readonly most: number
      /** Whether a budget of 0 is taken, which means not to think. */
      readonly off: boolean
    }

export type Level = 'MINIMAL' | 'LOW' | 'MEDIUM' | 'HIGH'

const fromLow: Thinking = { by: 'level', levels: ['LOW', 'MEDIUM', 'HIGH'] }
const fromMinimal: Thinking = { by: 'level', levels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] }

/** Of a model that is not known: nothing that could be an error is sent, nothing that might work is refused. */
const usual: ModelTraits = {
  sampling: true,
  penalties: false,
  signedCalls: false,
  mediaInResults: false,
  tools: true,
  json: 'without tools',
  system: true,
}

/** https://ai.google.dev/gemini-api/docs/gemini-3 */
const gemini3: ModelTraits = { ...usual, signedCalls: true, mediaInResults: true, json: 'always' }

/**
 * The families, the first that fits. Names such as `gemini-flash-latest` stand for the newest.
 * https://ai.google.dev/gemini-api/docs/models
 */
const families: readonly (readonly [RegExp, ModelTraits])[] = [
  // https://ai.google.dev/gemma/docs/core/gemma_on_gemini_api
  [/^gemma-3/, { ...usual, tools: false, json: 'never', system: false }],
  [/^gemma/, usual],
  [/^gemini-([3-9]|\d\d).*-(image|tts)/, gemini3],
  [/-(image|tts)/, usual],
  [/^gemini-(1|2\.0)/, { ...usual, penalties: true }],
  [/^gemini-2\.5-pro/, { ...usual, thinking: { by: 'budget', least: 128, most: 32_768, off: false } }],
  [/^gemini-2\.5-flash-lite/, { ...usual, thinking: { by: 'budget', least: 512, most: 24_576, off: true } }],
  [/^gemini-2\.5-flash/, { ...usual, thinking: { by: 'budget', least: 1, most: 24_576, off: true } }],
  [/^gemini-2/, usual],
  // https://ai.google.dev/gemini-api/docs/generate-content/whats-new-gemini-3.6
  [/^gemini-(3\.[0-4]|3)-flash/, { ...gemini3, thinking: fromMinimal }],
  [/^gemini-3\.5-flash(?!-lite)/, { ...gemini3, thinking: fromMinimal }],
  [/^gemini-((3\.[0-5]|3)-pro|pro-latest)/, { ...gemini3, thinking: fromLow }],
  [/^gemini-(3\.6-flash|.*flash-lite)/, { ...gemini3, sampling: false, thinking: fromMinimal }],
  [/^gemini-([3-9]|\d\d|flash-latest)/, { ...gemini3, sampling: false, thinking: fromLow }],
]

export function traitsOf(model: string): ModelTraits {
  return families.find(([name]) => name.test(model))?.[1] ?? usual
}
