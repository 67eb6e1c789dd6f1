import type { ReasoningEffort } from '../../../domain/types.ts'
import type { TokenCounter } from '../../define.ts'
import type { ModelRow, ModelRules } from '../../model-rules.ts'
import type { SignatureMaker } from '../signature.ts'

/** Fields that tune a response. Where a vendor has none, they are left out and the caller gets a warning. */
export type TuningField =
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'stop'
  | 'seed'
  | 'frequency_penalty'
  | 'presence_penalty'
  | 'parallel_tool_calls'

/** Kinds of content beside text. A `file_url` is a file that the vendor fetches itself. */
export type ContentKind = 'image' | 'audio' | 'file' | 'file_url'

/** The vendor's word for each amount of thinking. An amount without a word cannot be requested. */
export type Efforts = Readonly<Partial<Record<ReasoningEffort, string>>>

/** The options of a configured provider. */
export type Options = Readonly<Record<string, unknown>>

/**
 * How one vendor departs from OpenAI's Chat Completions API, as data.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export interface OpenAiDialect {
  /** How it counts the input tokens of a chat; undefined where it does not. */
  readonly count?: TokenCounter
  /** The vendor's name of each field that it takes. */
  readonly tuning: Readonly<Partial<Record<TuningField, string>>>
  /** The field for the largest number of tokens, unless the model's row has another. */
  readonly tokenField: 'max_tokens' | 'max_completion_tokens'
  /** Whether it knows the developer role. Other vendors get developer messages as system messages. */
  readonly developerRole: boolean
  /** Whether a message may carry the name of its participant. */
  readonly names: boolean
  /** Whether messages of the user that follow one another are sent as one, because its models refuse them. */
  readonly joinsUserMessages?: boolean
  /** Whether a refusal has a field of its own. Other vendors get it back as text. */
  readonly refusals: boolean
  readonly content: readonly ContentKind[]
  readonly contentSpelling: 'openai' | 'mistral'
  /** Whether an image that the model made can be sent back. */
  readonly imagesBack: boolean
  /** The field that reasoning is sent back in; undefined where the vendor takes none. */
  readonly replay?: 'reasoning_content' | 'reasoning' | 'reasoning_details' | 'thinking'
  /** Whether Google's thought signatures are sent back. */
  readonly thoughtSignatures: boolean
  /** The tool call ids that it accepts. Any other id is replaced, each by the same one in every message. */
  readonly toolCallId?: RegExp
  readonly tools: boolean
  /** Its word for "call at least one tool". */
  readonly toolRequired: 'required' | 'any'
  readonly formats: readonly ('json_object' | 'json_schema')[]
  /** The field that holds the amount of thinking. */
  readonly thinking: 'reasoning_effort' | 'reasoning'
  readonly efforts: Efforts
  /** Whether usage in a stream must be requested. False where it comes anyway, or where the request is refused. */
  streamUsage(options: Options): boolean
  /** What single models take, where they differ. The first row that matches counts. */
  readonly models: readonly ModelRow<OpenAiRules>[]
  /** The model behind the name that is requested, where names are the operator's own. Default: the name. */
  modelOf?(name: string, options: Options): string
  /** Undefined where there are no embeddings. */
  readonly embed?: {
    /** Largest number of inputs in one request. */
    readonly batchInputs: number
    /** Largest number of tokens in one request; undefined where there is no such limit. */
    readonly batchTokens?: number
    /** Whether vectors can be requested as base64, which is a third of the bytes. */
    readonly base64: boolean
    /** Its field for the length of the vectors, where the caller can choose it. */
    readonly dimensions?: string
  }
  /** How it speaks the Responses API; undefined where it does not. */
  readonly responses?: ResponsesDialect
  /** How it completes texts at an endpoint for that; undefined where it has none. */
  readonly completions?: CompletionsDialect
  readonly paths: Paths
  /** Further request headers that the options require. */
  headers(options: Options): Readonly<Record<string, string>>
}

/**
 * How one vendor departs from OpenAI's Responses API.
 * https://platform.openai.com/docs/api-reference/responses/create
 */
export interface ResponsesDialect {
  readonly path: string
  /** Whether it is chosen where a model or a request needs it, not only where the configuration says so. */
  readonly auto: boolean
  /** The `model` of the body, where that is not the model's own name. */
  modelField?(model: string, options: Options): string
  /** The vendor's name of each field that it takes. */
  readonly tuning: Readonly<Partial<Record<TuningField, string>>>
  /** Smallest `max_output_tokens` that it takes. */
  readonly minTokens?: number
  /** Whether the first system message goes into `instructions`. */
  readonly instructions: boolean
  /** Which models it takes the request for encrypted reasoning for. */
  readonly encrypted: 'all' | 'those that think' | 'none'
  /** Whether it takes back encrypted reasoning of this maker. */
  takesReasoningOf(maker: SignatureMaker): boolean
}

/**
 * How one vendor completes texts. https://platform.openai.com/docs/api-reference/completions/create
 */
export interface CompletionsDialect {
  path(model: string, options: Options): string
  /** As in UpstreamRequest. */
  readonly base?: 'server'
  /** The vendor's name of each field that it takes. */
  readonly tuning: Readonly<Partial<Record<TuningField, string>>>
  /** How models are asked whose row says nothing. */
  readonly usual: 'native' | 'chat'
  /** How a gap before a suffix is filled: by a field of the same endpoint, or by llama.cpp's own endpoint. */
  readonly suffix?: 'field' | 'infill'
}

/** What one model of the family takes. */
export interface OpenAiRules extends ModelRules {
  /** Further fields that it answers with an error. */
  readonly refused?: readonly TuningField[]
  readonly efforts?: Efforts
  /** Whether thinking cannot be turned off: then the least amount is requested. */
  readonly alwaysThinks?: boolean
  /** Whether it thinks unless the request turns it off. */
  readonly thinksByDefault?: boolean
  /** Names that tools may have. */
  readonly toolNames?: RegExp
  /** Fields that each of its chat requests needs. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** The path of each request, appended to the base URL. */
export interface Paths {
  chat(model: string, options: Options): string
  embed(model: string, options: Options): string
  models(options: Options): string
}
