import { create } from '@bufbuild/protobuf'
import { type ChatEvent, ChatRequestSchema } from '../gen/llmgateway/v1/chat_pb.js'
import { built } from './built.ts'
import { median } from './measure.ts'
import { TEXT_EVENTS } from './servers/replies.ts'
import { type WireStream, wireStreams } from './streams.ts'

/** What it costs to make the caller's events of a stream of one wire, in us of CPU per text event. */
export interface Decoding {
  readonly kind: string
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** Streams in a round. */
const STREAMS = 400
const WARM_UPS = 4

type Decode = (stream: WireStream) => void

/** Every wire in each round, so that what disturbs the machine meets all of them. */
export async function decodings(rounds: number): Promise<Decoding[]> {
  const decode = await builtDecoder()
  const costs = new Map(wireStreams.map(({ kind }) => [kind, [] as number[]]))
  for (let round = -WARM_UPS; round < rounds; round++) {
    for (const stream of wireStreams) {
      const cost = costOf(() => decode(stream))
      if (round >= 0) costs.get(stream.kind)?.push(cost)
    }
  }
  return [...costs].map(([kind, each]) => ({
    kind,
    median: median(each),
    lowest: Math.min(...each),
    highest: Math.max(...each),
  }))
}

function costOf(work: () => void): number {
  const before = process.cpuUsage()
  for (let count = 0; count < STREAMS; count++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / STREAMS / TEXT_EVENTS
}

/** Decodes as a call does, from the vendor's bytes to the events of the caller, without sockets and messages. */
async function builtDecoder(): Promise<Decode> {
  const { ChatReply } = await built<typeof import('../src/providers/http/chat-reply.ts')>('providers/http/chat-reply')
  const { bodyReader } = await built<typeof import('../src/providers/http/body/body-reader.ts')>(
    'providers/http/body/body-reader',
  )
  const { kindNamed } = await built<typeof import('../src/providers/index.ts')>('providers/index')
  const { CallRecord } = await built<typeof import('../src/domain/calls/call-record.ts')>('domain/calls/call-record')
  const { operations } = await built<typeof import('../src/domain/calls/operations.ts')>('domain/calls/operations')
  const { EventStream } =
    await built<typeof import('../src/domain/streams/event-stream.ts')>('domain/streams/event-stream')
  const { Cancellation } = await built<typeof import('../src/domain/cancellation.ts')>('domain/cancellation')
  const { systemClock } = await built<typeof import('../src/domain/clock.ts')>('domain/clock')
  const request = create(ChatRequestSchema)

  return ({ kind, contentType, chunks }) => {
    const chat = kindNamed(kind)?.wire?.chat
    if (!chat) throw new Error(`${kind} has no wire`)
    const cancellation = new Cancellation()
    const record = new CallRecord(systemClock)
    const attempt = record.begin(kind, 'model')
    const context = { requestId: 'bench', credential: undefined, deadline: Infinity, cancellation, peer: '', record }
    const call = {
      request,
      model: 'model',
      defaults: {},
      streamed: true,
      strict: false,
      firstEventBy: Infinity,
      traceparent: undefined,
    }
    let texts = 0
    let isComplete = false
    const answer = new ChatReply({
      ask: { ...call, attempt, context: { ...context, requestBytes: new Uint8Array(), header: () => undefined } },
      traits: operations.chat,
      describe: () => ({}),
      begin() {
        const events = new EventStream<ChatEvent>(cancellation, noSource)
        events.read({
          event({ event }) {
            if (event.case === 'text') texts++
            return true
          },
          end() {},
        })
        return events
      },
      completed() {
        isComplete = true
      },
      failed(error) {
        throw error
      },
      readError: ({ message }) => {
        throw new Error(`the stream of ${kind} reports a failure: ${message}`)
      },
    })
    const malformed = () => {
      throw new Error(`the stream of ${kind} cannot be read`)
    }
    const reader = bodyReader(chat, { 'content-type': contentType }, true, malformed, answer)
    for (const chunk of chunks) reader.write(chunk)
    reader.end()
    if (!isComplete || texts !== TEXT_EVENTS) throw new Error(`the stream of ${kind} gave ${texts} texts`)
  }
}

const noSource = { pause() {}, resume() {}, cancel() {} }
