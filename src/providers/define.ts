import type { z } from 'zod'
import type { Defaults, Timeouts } from '../domain/calls/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import type { RateLimits } from '../domain/limits/limits.ts'
import type { ModelFacts, OnCancel, Provider } from '../domain/ports/provider.ts'
import type { ReasoningPiece, ToolCallPiece } from '../domain/streams/events.ts'
import type { MediaInput } from '../domain/tokens/media.ts'
import type {
  Capability,
  ChatRequest,
  Citation,
  CompleteRequest,
  EmbedRequest,
  EnsureModelState,
  FinishReason,
  Part,
  Usage,
} from '../domain/types.ts'
import type { Credential, KeyHeader } from './credentials/credential.ts'
import type { ProbeProves } from './credentials/key-pool.ts'
import type { Sign } from './failures/sign.ts'
import type { VendorError } from './failures/vendor-error.ts'
import type { ModelRules, RuleOverride, SettableRule } from './model-rules.ts'

/*
 * What a vendor consists of. A wire maps to and from the vendor's API: no key, no socket, no clock. A kind is a vendor: a
 * wire with its address, its environment variables and its quirks, all of them data.
 */

/** A vendor, or a family of servers, that can be configured under `providers`. */
export interface ProviderKind {
  /** Name in the configuration's `kind`. */
  readonly kind: string
  /** Other names of the kind, accepted wherever a kind or a provider is named. */
  readonly alsoKnownAs?: readonly string[]
  /** Mapping to its API over HTTP; undefined for a kind that creates its provider itself. */
  readonly wire?: Wire
  /** Creates a provider that needs no wire. */
  create?(settings: ProviderSettings, clock: Clock, models: ModelKnowledge): Provider
  /** Base URL of the vendor; undefined if it has no fixed address and one must be configured. */
  readonly baseUrl?: string
  /** Path that the API has at every server of the kind; added to a configured base URL without a path. */
  readonly apiAt?: string
  /** Endings that its requests add to the base URL; they are removed from a configured one. */
  readonly baseUrlEndings?: RegExp
  /** The context window that a call's own options for the provider ask for, in tokens; undefined where they do not. */
  windowIn?(extra: Readonly<Record<string, unknown>>): number | undefined
  /** Ending of the base URL that is not part of the server's own address, for requests beside the usual API. */
  readonly apiPath?: RegExp
  /** Turns the value of an address variable into a base URL, for vendors whose variables hold something else. */
  readAddress?(value: string): string
  /** How a key is sent; undefined for servers without keys. */
  readonly key?: KeyHeader
  /** Creates the credentials of a configured provider. Default: each of its keys as it is, in the `key` header. */
  credentials?(settings: ProviderSettings, clock: Clock): readonly Credential[]
  /** Whether it works without a key. Default: false if `key` is set. */
  readonly keyOptional?: boolean
  /** Environment variables that configure it, each list by decreasing precedence. */
  readonly environment: {
    readonly keys?: readonly string[]
    readonly baseUrl?: readonly string[]
    readonly defaultModel?: readonly string[]
    /** Variables of further options, by the name of the option in the configuration. */
    readonly options?: Readonly<Record<string, readonly string[]>>
  }
  /** Whether it runs on the operator's own machines: missing models can be pulled, calls are free. */
  readonly local?: boolean
  /** Whether its servers stand in the operator's own network, and fetch from there what requests name by URL. */
  readonly selfHosted?: boolean
  /** Whether it is assumed at its `baseUrl` if nothing says which providers to use. */
  readonly assumed?: boolean
  /** What its failed replies say, beside what holds for every kind. */
  readonly failures?: readonly Sign[]
  /** What listing its models proves about the key that is sent. Default: `key`. */
  readonly probe?: ProbeProves
  /** What happens at the vendor when a stream is cancelled. Default: `stops`. */
  readonly onCancel?: OnCancel
  /** The vendor's id in the price list; undefined if it is not in the list. */
  readonly prices?: string
  /** Input tokens that it counts for media; undefined where it names no rule. */
  mediaTokens?(media: MediaInput, model: string): number | undefined
  readonly capabilities: readonly Capability[]
  /** What its single models take; undefined where nothing is known of them. */
  readonly models?: KindModels
  /** Options in the configuration, beside those of every provider. */
  readonly options?: z.ZodRawShape
  /** Model of chats that name only the provider, unless another one is configured. */
  readonly defaultModel?: string
  /** Model of embeddings that name only the provider, unless another one is configured. */
  readonly defaultEmbedModel?: string
  /** Name in OpenTelemetry's conventions. Default: the kind. */
  readonly genAiName?: string
}

/** Prices and other facts of a provider's models. */
export interface ModelKnowledge {
  facts(model: string): ModelFacts
  /** Facts as they are now, for an attempt at a model. */
  frozen(model: string): (model: string) => ModelFacts
}

/** The rules of a kind's models. */
export interface KindModels {
  /** The model behind a name that callers use, for its price. Default: the name. */
  modelOf?(name: string, options: Readonly<Record<string, unknown>>): string
  /** The rules of the vendor's table for a model. */
  rulesOf(model: string, options: Readonly<Record<string, unknown>>): ModelRules
  /** The rules that its wire reads, and which the configuration can therefore set. */
  readonly settable: readonly SettableRule[]
}

/** Mapping to and from a vendor's API. */
export interface Wire {
  readonly chat: ChatWire
  /** Chooses the chat API for a request, where the vendor has several. Default: `chat`. */
  chooseChat?(request: ChatRequest, context: ChatContext): ChatWire
  /** Undefined where the vendor has no endpoint for text completion. */
  readonly complete?: CompleteWire
  readonly embed?: EmbedWire
  readonly models: ModelsWire
  /** Undefined where models cannot be downloaded by an API. */
  readonly pull?: PullWire
  /** The vendor's second chat API, where it has two. */
  readonly responses?: ChatWire
  /** How it counts the input tokens of a chat; undefined where it does not. */
  readonly count?: TokenCounter
  /** Reads an error body of any shape; undefined if it holds no error. */
  readError(body: unknown): VendorError | undefined
}

/** Facts about the configured provider and the call that a wire may need. */
export interface WireContext {
  readonly model: string
  /** Options of the kind, as configured. */
  readonly options: Readonly<Record<string, unknown>>
  /** What the operator says of the model. It outranks the vendor's table. */
  readonly overrides: ModelRules
  /** Checked fields of `provider_options` for this provider; merged into the body last. */
  readonly extra: Readonly<Record<string, unknown>>
  /** Leaves out a tuning field that cannot be sent, with a warning to the caller; throws for a strict call. */
  leaveOut(field: string, why: string): void
}

export interface ChatContext extends WireContext {
  readonly stream: boolean
  readonly defaults: Defaults
}

/** How a reply is read. */
export interface ReplyFormat {
  decoder(sink: ChatSink): ChatDecoder
  /** Framing of a stream whose content type does not name it. Default: server-sent events. */
  readonly streamFraming?: 'sse' | 'ndjson'
}

export interface ChatWire extends ReplyFormat {
  /** Throws UNSUPPORTED for content that the vendor cannot carry. */
  encode(request: ChatRequest, context: ChatContext): UpstreamRequest
}

/** A vendor's own endpoint for text completion. */
export interface CompleteWire {
  /** Whether the model is asked there. Others receive the prompt as a chat. */
  takes(context: Pick<WireContext, 'model' | 'options' | 'overrides'>): boolean
  /** How the request is sent and its reply read. Throws UNSUPPORTED for a suffix that the model cannot take. */
  prepare(request: CompleteRequest, context: ChatContext): PreparedCompletion
}

export interface PreparedCompletion {
  readonly encoded: UpstreamRequest
  readonly format: ReplyFormat
}

/** A chat as its wire encodes it. */
export interface EncodedChat {
  readonly fields: Readonly<Record<string, unknown>>
  readonly path: string
  readonly headers: UpstreamRequest['headers'] | undefined
  readonly model: string
}

/** Counts the input tokens of a chat at the vendor, without an answer. */
export interface TokenCounter {
  /** The API whose encoding it takes. Default: `chat`. */
  readonly api?: 'chat' | 'responses'
  /** Requests that are made one after the other, each with the reply to the one before. */
  readonly steps: readonly ((chat: EncodedChat, before: unknown) => UpstreamRequest)[]
  /** The count in the last reply. */
  read(body: unknown): number | undefined
}

/** How much fits into one embedding request. */
export interface BatchLimits {
  readonly inputs: number
  /** All inputs together; undefined where there is no such limit. */
  readonly tokens?: number | undefined
}

export interface EmbedWire {
  readonly limits: BatchLimits
  encode(request: EmbedRequest, inputs: readonly string[], context: WireContext): UpstreamRequest
  /** The vectors in the order of the inputs. Throws UPSTREAM_MALFORMED. */
  decode(body: unknown): EmbedReply
}

export interface ModelsWire {
  request(options: Readonly<Record<string, unknown>>): Pick<UpstreamRequest, 'path' | 'headers'>
  /** Model ids. Throws UPSTREAM_MALFORMED. */
  decode(body: unknown): readonly string[]
}

/** How a server downloads models. */
export interface PullWire {
  /** The form in which two names of one model are equal. */
  canonical(model: string): string
  request(model: string): UpstreamRequest
  /** A reader for the reply to one request. */
  reader(): PullReader
  /**
   * For servers that download in the background: where the state can be read, by the reply to the request. Undefined
   * for a reply that says that nothing is left to do. Without this function the reply itself lasts as long as the
   * download.
   */
  statePath?(reply: unknown): Pick<UpstreamRequest, 'path' | 'base'> | undefined
}

export interface PullReader {
  /** Reads a line of the reply, or a whole state. Undefined for a line that says nothing. */
  read(line: string): PullStep | undefined
}

export type PullStep =
  | {
      readonly kind: 'progress'
      readonly state: EnsureModelState
      readonly status: string
      readonly bytes: PulledBytes
    }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: VendorError }

export interface PulledBytes {
  readonly done: number
  /** 0 while it is not known. */
  readonly total: number
}

export interface UpstreamRequest {
  /** Appended to the base URL, with its query, every segment encoded. */
  readonly path: string
  /** `server`: to what is left of the base URL without the kind's `apiPath`. Default: the base URL. */
  readonly base?: 'server'
  readonly headers?: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

/** Reads one reply. It never throws: invalid input is reported to the sink as a failure. */
export interface ChatDecoder {
  /** The whole reply, when it is one JSON body: what it was parsed to, and its text. */
  whole(body: unknown, text: string): void
  /** Reads the next frame of a streamed reply: the data of an SSE event, or a line of NDJSON. */
  frame(data: string, event: string): void
  /** The reply ended without a broken connection. Reports `done`, or a failure if the reply is truncated. */
  end(): void
}

/**
 * Receives what a vendor sends, in the vendor's order, and turns it into the caller's events. After `done` or `fail`
 * everything is ignored.
 */
export interface ChatSink {
  /** The vendor's id of the response and the model that it reports. Empty values and other types are ignored. */
  identify(id: unknown, model: unknown): void
  /** Empty texts are ignored, unless they are signed: `signature` proves the text since the last one. */
  text(text: string, signature?: string): void
  /** `index` counts the blocks of reasoning from 0 without a gap. */
  reasoning(index: number, piece: ReasoningPiece): void
  /** `index` counts the calls from 0 without a gap. A call that gets no id from the vendor gets one here. */
  toolCall(index: number, piece: ToolCallPiece): void
  refusal(text: string): void
  part(part: Part): void
  citation(citation: Citation): void
  /** What the vendor reports. Several reports of one reply are merged: see `mergeUsage`. */
  usage(usage: Usage): void
  /** Reports a deviation to the caller. */
  warn(warning: string): void
  /**
   * Why the model stopped. Does not end the answer: usage may follow. `modelFailed`: the model itself failed, so that
   * an answer without content is no answer. Default: for the reason ERROR.
   */
  stop(reason: FinishReason, raw: string, modelFailed?: boolean): void
  /** Whether `stop` was called. */
  readonly stopped: boolean
  /** Whether `done` or `fail` was called. */
  readonly ended: boolean
  /** The response is complete. */
  done(): void
  fail(error: GatewayError): void
  /** The vendor reports a failure inside a reply with status 200. */
  failWith(error: VendorError): void
}

export interface EmbedReply {
  readonly vectors: readonly number[][]
  readonly usage: Usage | undefined
  readonly model: string
}

/** Limit on calls at once, and on calls that wait for a turn. */
export interface ConcurrencyLimit {
  readonly most: number
  readonly queue: number
}

/** One entry under `providers` in the configuration, complete with its defaults. */
export interface ProviderSettings {
  readonly name: string
  readonly kind: ProviderKind
  readonly baseUrl: string
  readonly keys: readonly string[]
  readonly defaultModel?: string | undefined
  readonly defaultEmbedModel?: string | undefined
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: Timeouts
  /** Whether a self-hosted server may be sent addresses of private networks, to fetch media from. */
  readonly privateUrls?: boolean
  /** Whether Chat is streamed by the vendor, too. */
  readonly streamUnary: boolean
  /** Undefined if its calls are not limited. */
  readonly concurrency?: ConcurrencyLimit
  /** Target, as `provider/model`, of its calls while it is rate limited with no key left. */
  readonly safetyLock?: string
  /** Whether it is not configured but assumed at its usual address. */
  readonly assumed?: boolean
  /** Its own limits; what they leave out comes from the limits of every provider. */
  readonly limits?: Partial<RateLimits> | undefined
  /** What the operator says of single models. */
  readonly models?: readonly RuleOverride[]
  /** Options of the kind. */
  readonly options: Readonly<Record<string, unknown>>
}
