import type { z } from 'zod'
import type { Defaults, Timeouts } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/error.ts'
import type { ReasoningPiece, ToolCallPiece } from '../domain/events.ts'
import type { RateLimits } from '../domain/limits.ts'
import type { OnCancel, Provider } from '../domain/ports/provider.ts'
import type { Capability, ChatRequest, Citation, EmbedRequest, FinishReason, Part, Usage } from '../domain/types.ts'
import type { Credential, KeyHeader } from './credentials/credential.ts'
import type { ProbeProves } from './credentials/key-pool.ts'
import type { Sign } from './failures/sign.ts'
import type { VendorError } from './failures/vendor-error.ts'
import type { ModelRules, RuleOverride, SettableRule } from './model-rules.ts'

/**
 * What a vendor is made of. A wire is how a vendor's API is spoken: pure mapping, no key, no socket, no clock. A kind
 * is a vendor: a wire with its address, its environment variables and its quirks, all of it data.
 */

/** A vendor, or a family of servers, that can be configured under `providers`. */
export interface ProviderKind {
  /** As in the configuration's `kind`. */
  readonly kind: string
  /** Other names that mean the same, wherever a kind or a provider is named. */
  readonly alsoKnownAs?: readonly string[]
  /** How it is spoken to over HTTP; undefined for a kind that makes its provider itself. */
  readonly wire?: Wire
  /** Makes a provider that needs no wire. */
  create?(settings: ProviderSettings, clock: Clock): Provider
  /** Where the vendor is reached; undefined when it has no fixed address and must be told. */
  readonly baseUrl?: string
  /** Endings of a base URL that its requests bring themselves: written there, they are left out. */
  readonly baseUrlEndings?: RegExp
  /** Makes a base URL of what the variables of the address hold, where that need not be one. */
  readAddress?(value: string): string
  /** How a key is sent; undefined for servers that ask for none. */
  readonly key?: KeyHeader
  /** Makes the credentials of a configured provider. Default: each of its keys as it is, in the `key` header. */
  credentials?(settings: ProviderSettings, clock: Clock): readonly Credential[]
  /** Whether it can only be used with a key. Default: yes, where `key` is given. */
  readonly keyOptional?: boolean
  /** Environment variables that configure it, each list by falling rank. */
  readonly environment: {
    readonly keys?: readonly string[]
    readonly baseUrl?: readonly string[]
    readonly defaultModel?: readonly string[]
    /** Further options by their name in the configuration. */
    readonly options?: Readonly<Record<string, readonly string[]>>
  }
  /** Whether it runs on the operator's own machines: a missing model is to be pulled, calls cost nothing. */
  readonly local?: boolean
  /** Whether it is expected at its `baseUrl` where nothing says which providers to use. */
  readonly assumed?: boolean
  /** What its failed replies say, beside what holds for every kind. */
  readonly failures?: readonly Sign[]
  /** What listing its models proves about the key that is sent. Default: `key`. */
  readonly probe?: ProbeProves
  /** What happens at the vendor when a stream is cancelled. Default: `stops`. */
  readonly onCancel?: OnCancel
  /** The vendor's id in the price tables; undefined when they do not hold it. */
  readonly prices?: string
  readonly capabilities: readonly Capability[]
  /** What its single models take; undefined where nothing is known of them. */
  readonly models?: KindModels
  /** Options of its own in the configuration, beside those of every provider. */
  readonly options?: z.ZodRawShape
  /** The model of calls that name only the provider, where nobody has configured another. */
  readonly defaultModel?: string
  /** The same for embeddings. */
  readonly defaultEmbedModel?: string
  /** Its name in OpenTelemetry's conventions. Default: the kind. */
  readonly genAiName?: string
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

/** How a vendor's API is spoken. Made once for each configured provider. */
export interface Wire {
  readonly chat: ChatWire
  /** Chooses the chat API for a request, where the vendor has several. Default: `chat`. */
  chooseChat?(request: ChatRequest, context: ChatContext): ChatWire
  readonly embed?: EmbedWire
  readonly models: ModelsWire
  /** What an error body says, whatever its shape; undefined where it says nothing. */
  readError(body: unknown): VendorError | undefined
}

/** The facts of the configured provider that a wire may need. */
export interface WireContext {
  readonly model: string
  /** The options of the kind's own, as configured. */
  readonly options: Readonly<Record<string, unknown>>
  /** What the operator says of the model. It outranks the vendor's table. */
  readonly overrides: ModelRules
  /** The fields of `provider_options` for this provider, checked; to be merged into the body last. */
  readonly extra: Readonly<Record<string, unknown>>
  /** A tuning field cannot be sent: it is left out, and the caller is told; throws when the caller was strict. */
  leaveOut(field: string, why: string): void
}

export interface ChatContext extends WireContext {
  readonly stream: boolean
  readonly defaults: Defaults
}

export interface ChatWire {
  /** Throws UNSUPPORTED for content that the vendor cannot carry. */
  encode(request: ChatRequest, context: ChatContext): UpstreamRequest
  decoder(sink: ChatSink): ChatDecoder
  /** How a stream is cut into frames where its content type does not say. Default: server-sent events. */
  readonly streamFraming?: 'sse' | 'ndjson'
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

export interface UpstreamRequest {
  /** Appended to the base URL, with its query, every segment encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

/** Reads one reply. Whatever it is given, it does not throw: what it cannot read it tells the sink as a failure. */
export interface ChatDecoder {
  /** The whole reply, when it is one JSON body: what it was parsed to, and its text. */
  whole(body: unknown, text: string): void
  /** The next frame of a streamed reply: the data of an SSE event, or a line of NDJSON. */
  frame(data: string, event: string): void
  /** The reply has ended without a break of the connection. Tells the sink `done` or that it was cut. */
  end(): void
}

/**
 * Takes what a vendor says, in the vendor's order, and makes the caller's events of it. Written once; decoders only
 * call it. After `done` or `fail` everything is ignored.
 */
export interface ChatSink {
  /** The vendor's id of the answer and the model that it says it used. What is not a text, or empty, is ignored. */
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
  /** A departure that the caller should know. */
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
  /** The answer is complete. */
  done(): void
  fail(error: GatewayError): void
  /** The vendor reports a failure inside a reply that had begun well (HTTP 200). */
  failWith(error: VendorError): void
}

export interface EmbedReply {
  readonly vectors: readonly number[][]
  readonly usage: Usage | undefined
  readonly model: string
}

/** How many calls there may be at once, and how many may wait. */
export interface ConcurrencyLimit {
  readonly most: number
  readonly queue: number
}

/** One entry under `providers` in the configuration, with its defaults filled in. */
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
  /** Whether Chat, too, is streamed by the vendor. */
  readonly streamUnary: boolean
  /** Undefined where nothing bounds its calls. */
  readonly concurrency?: ConcurrencyLimit
  /** The target, as `provider/model`, that its calls go to while it is rate limited with no key left. */
  readonly safetyLock?: string
  /** Whether nobody has asked for it: it is expected at its usual address. */
  readonly assumed?: boolean
  /** How much may be asked of it; what they leave out is as for every provider. */
  readonly limits?: Partial<RateLimits> | undefined
  /** What the operator says of single models. */
  readonly models?: readonly RuleOverride[]
  /** Fields of the kind's own. */
  readonly options: Readonly<Record<string, unknown>>
}
