import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Defaults } from '../../src/domain/calls/call.ts'
import { type ChatRequest, ChatRequestSchema, CompleteRequestSchema, Role } from '../../src/domain/types.ts'
import type { UpstreamRequest, Wire } from '../../src/providers/define.ts'
import { kindNamed } from '../../src/providers/index.ts'
import type { ModelRules } from '../../src/providers/model-rules.ts'

export type RequestInit = MessageInitShape<typeof ChatRequestSchema>

export interface EncodeOptions {
  readonly model?: string
  readonly stream?: boolean
  readonly options?: Readonly<Record<string, unknown>>
  readonly overrides?: ModelRules
  readonly extra?: Readonly<Record<string, unknown>>
  readonly defaults?: Defaults
}

export interface Encoded extends UpstreamRequest {
  /** The body, parsed. */
  readonly json: Readonly<Record<string, unknown>>
  /** The fields that were left out. */
  readonly leftOut: readonly string[]
}

export function wireOf(kind: string): Wire {
  const wire = kindNamed(kind)?.wire
  if (!wire) throw new Error(`no wire for ${kind}`)
  return wire
}

/** A request as one vendor receives it; a user's "hi" where no messages are given. */
export function encodeChat(kind: string, init: RequestInit, options: EncodeOptions = {}): Encoded {
  const leftOut: string[] = []
  const wire = wireOf(kind)
  const request = chatRequest(init)
  const context = {
    ...contextOf(options, leftOut),
    stream: options.stream ?? false,
    defaults: options.defaults ?? {},
  }
  const encoded = (wire.chooseChat?.(request, context) ?? wire.chat).encode(request, context)
  return { ...encoded, json: JSON.parse(encoded.body), leftOut }
}

/** A request for a completion as one vendor receives it at its own endpoint; undefined where it is asked by a chat. */
export function encodeComplete(
  kind: string,
  init: MessageInitShape<typeof CompleteRequestSchema>,
  options: EncodeOptions = {},
): Encoded | undefined {
  const leftOut: string[] = []
  const { complete } = wireOf(kind)
  const context = { ...contextOf(options, leftOut), stream: options.stream ?? false, defaults: options.defaults ?? {} }
  if (!complete?.takes(context)) return undefined
  const { encoded } = complete.prepare(create(CompleteRequestSchema, { prompt: 'hi', ...init }), context)
  return { ...encoded, json: JSON.parse(encoded.body), leftOut }
}

export function contextOf(
  { model = 'm', options = {}, overrides = {}, extra = {} }: EncodeOptions,
  leftOut: string[] = [],
) {
  return { model, options, overrides, extra, leaveOut: (field: string) => void leftOut.push(field) }
}

function chatRequest(init: RequestInit): ChatRequest {
  return create(ChatRequestSchema, { messages: [{ role: Role.USER, content: 'hi' }], ...init })
}

/** The kind's wire with the Responses API as its chat API. */
export function responsesWireOf(kind: string): Wire {
  const wire = wireOf(kind)
  const context = { ...contextOf({ options: { api: 'responses' } }), stream: false, defaults: {} }
  const chat = wire.chooseChat?.(chatRequest({}), context)
  if (!chat || chat === wire.chat) throw new Error(`${kind} does not speak the Responses API`)
  return { ...wire, chat }
}
