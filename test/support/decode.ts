import { create } from '@bufbuild/protobuf'
import { CallRecord } from '../../src/domain/calls/call-record.ts'
import { operations } from '../../src/domain/calls/operations.ts'
import { Cancellation } from '../../src/domain/cancellation.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import { foldChat } from '../../src/domain/streams/fold.ts'
import { type ChatEvent, ChatRequestSchema, type ChatResponse, type Usage } from '../../src/domain/types.ts'
import type { Wire } from '../../src/providers/define.ts'
import { reportedError } from '../../src/providers/failures/failed-reply.ts'
import { bodyReader } from '../../src/providers/http/body/body-reader.ts'
import { ChatReply } from '../../src/providers/http/chat-reply.ts'

/** What becomes of a vendor's reply. */
export interface Decoded {
  /** What the caller was sent, whatever the ending. */
  readonly events: readonly ChatEvent[]
  /** The answer, when it was complete. */
  readonly response: ChatResponse | undefined
  readonly error: GatewayError | undefined
  readonly warnings: readonly string[]
  /** What is known of it in the end, whatever the ending. */
  readonly usage: Usage | undefined
}

/** Decodes a reply that is one JSON body. */
export function decodeWhole(wire: Wire, body: unknown): Promise<Decoded> {
  return decode((answer) => wire.chat.decoder(answer).whole(body, JSON.stringify(body) ?? ''))
}

/** Decodes a reply that is one JSON body, given as its text. */
export function decodeText(wire: Wire, text: string): Promise<Decoded> {
  return decodeBody(wire, [Buffer.from(text)], { contentType: 'application/json', streamed: false })
}

/** Decodes a streamed reply, in the chunks in which it arrives, to the end of its connection. */
export function decodeStream(wire: Wire, chunks: readonly Buffer[]): Promise<Decoded> {
  return decodeBody(wire, chunks, { contentType: '', streamed: true })
}

export interface BodyFacts {
  readonly contentType: string
  /** Whether a stream was asked for. */
  readonly streamed: boolean
}

/** Decodes a reply of any kind, in the chunks in which it arrives. */
export function decodeBody(wire: Wire, chunks: readonly Buffer[], facts: BodyFacts): Promise<Decoded> {
  return decode((answer) => {
    const malformed = () => new GatewayError('UPSTREAM_MALFORMED', 'This is no JSON.', { fallback: true })
    const reader = bodyReader(wire.chat, { 'content-type': facts.contentType }, facts.streamed, malformed, answer)
    try {
      for (const chunk of chunks) reader.write(chunk)
      reader.end()
    } catch (thrown) {
      answer.fail(GatewayError.from(thrown))
    }
  })
}

/** The bytes of a stream with these chunks, each given as JSON or as the text itself. */
export function sse(...chunks: readonly unknown[]): Buffer {
  return Buffer.from(
    chunks.map((chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`).join(''),
  )
}

/** The bytes of a stream with these lines, each given as JSON or as the text itself. */
export function ndjson(...lines: readonly unknown[]): Buffer {
  return Buffer.from(lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
}

async function decode(feed: (answer: ChatReply) => void): Promise<Decoded> {
  const record = new CallRecord(systemClock)
  const attempt = record.begin('vendor', 'model')
  const events: ChatEvent[] = []
  let ending: GatewayError | undefined
  let stream: EventStream<ChatEvent> | undefined
  const answer = new ChatReply({
    ask: {
      request: create(ChatRequestSchema),
      model: 'model',
      defaults: {},
      context: {
        requestId: 'request',
        credential: undefined,
        deadline: Number.POSITIVE_INFINITY,
        cancellation: new Cancellation(),
        peer: '',
        record,
        requestBytes: new Uint8Array(),
        header: () => undefined,
      },
      streamed: true,
      strict: false,
      firstEventBy: Number.POSITIVE_INFINITY,
      attempt,
      traceparent: undefined,
    },
    traits: operations.chat,
    describe: () => ({}),
    begin() {
      stream = new EventStream(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
      stream.watch({ event: (event) => events.push(event), end() {} })
      return stream
    },
    completed() {},
    failed(error) {
      ending = error
    },
    readError: (error) =>
      reportedError({ provider: 'vendor', signs: [], model: 'model', local: false, headers: {}, error, now: 0 }),
  })
  feed(answer)
  const response = stream && !ending ? await foldChat(stream) : undefined
  return { events, response, error: ending, warnings: attempt.warnings, usage: attempt.usage }
}
