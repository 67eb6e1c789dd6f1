import type { ReasoningEffort } from '../../../domain/types.ts'

/** Fields that tune an answer. Where a vendor has none, they are left out and the caller is told. */
export type TuningField =
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'stop'
  | 'seed'
  | 'frequency_penalty'
  | 'presence_penalty'
  | 'parallel_tool_calls'

/** Kinds of content beside text. A `file_url` is a file that the vendor fetches by itself. */
export type ContentKind = 'image' | 'audio' | 'file' | 'file_url'

/** The vendor's word for an amount of thinking. An amount without a word cannot be asked for. */
export type Efforts = Readonly<Partial<Record<ReasoningEffort, string>>>

/** The options of a configured provider. */
export type Options = Readonly<Record<string, unknown>>

/**
 * How one vendor departs from OpenAI's Chat Completions API, as data.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export interface OpenAiDialect {
  /** The vendor's name for each field that it takes. */
  readonly tuning: Readonly<Partial<Record<TuningField, string>>>
  readonly maxTokens: 'max_tokens' | 'max_completion_tokens'
  /** Whether it knows the developer's role. To others a developer speaks as the system. */
  readonly developerRole: boolean
  /** Whether a message may carry its participant's name. */
  readonly names: boolean
  /** Whether an assistant's refusal has a field of its own. To others it goes back as text. */
  readonly refusals: boolean
  readonly content: readonly ContentKind[]
  readonly contentSpelling: 'openai' | 'mistral'
  /** Whether an image that the model made may go back to it. */
  readonly imagesBack: boolean
  /** How an assistant's reasoning goes back; undefined where the vendor does not want it. */
  readonly replay?: 'reasoning_content' | 'reasoning' | 'reasoning_details' | 'thinking'
  /** Whether Google's signatures of thoughts go back. */
  readonly thoughtSignatures: boolean
  /** The ids of tool calls that it accepts. Any other is replaced, the same by the same, wherever it stands. */
  readonly toolCallId?: RegExp
  readonly tools: boolean
  /** Its word for "call at least one tool". */
  readonly toolRequired: 'required' | 'any'
  readonly formats: readonly ('json_object' | 'json_schema')[]
  /** Where the amount of thinking is told. */
  readonly thinking: 'reasoning_effort' | 'reasoning'
  readonly efforts: Efforts
  /** Whether usage in a stream has to be asked for. Not where it comes anyway, or where asking is refused. */
  streamUsage(options: Options): boolean
  /** What its single models do otherwise. */
  quirks(model: string): ModelQuirks
  /** Undefined where there are no embeddings. */
  readonly embed?: {
    /** The most inputs in one request. */
    readonly batch: number
    /** Whether vectors may be asked for as base64: a third of the bytes. */
    readonly base64: boolean
    /** Its name for the length of the vectors, where that can be chosen. */
    readonly dimensions?: string
  }
  readonly paths: Paths
  /** Further request headers that the options ask for. */
  headers(options: Options): Readonly<Record<string, string>>
}

/** Where one model departs from its vendor's others. */
export interface ModelQuirks {
  /** Fields that it answers with an error. */
  readonly refused?: readonly TuningField[]
  readonly maxTokens?: 'max_completion_tokens'
  readonly efforts?: Efforts
  /** Whether it cannot be kept from thinking: then it is asked for the least. */
  readonly alwaysThinks?: boolean
  /** Fields that each of its chats needs. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** Where requests go, each to be appended to the base URL. */
export interface Paths {
  chat(model: string, options: Options): string
  embed(model: string, options: Options): string
  models(options: Options): string
}
