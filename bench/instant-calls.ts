import { create, toBinary } from '@bufbuild/protobuf'
import { type ChatEvent, type ChatRequest, ChatRequestSchema, FinishReason } from '../gen/llmgateway/v1/chat_pb.js'
import { Role } from '../gen/llmgateway/v1/message_pb.js'
import type { Call, CallContext } from '../src/domain/calls/call.ts'
import type { Planned } from '../src/domain/calls/facts.ts'
import type { Handler } from '../src/domain/streams/follow.ts'
import { built } from './built.ts'

/** The API key of the calls. */
export const KEY = 'bench-key'

/** Calls that are answered at once, and what a server does with them: it reads the answer to its end. */
export async function callsOf() {
  const { EventStream } =
    await built<typeof import('../src/domain/streams/event-stream.ts')>('domain/streams/event-stream')
  const { RequestContext } = await built<typeof import('../src/server/context.ts')>('server/context')
  const { systemClock } = await built<typeof import('../src/domain/clock.ts')>('domain/clock')
  const { createCall } = await built<typeof import('../src/domain/calls/facts.ts')>('domain/calls/facts')
  const { finishEvent, startEvent, textEvent } =
    await built<typeof import('../src/domain/streams/events.ts')>('domain/streams/events')
  const request = create(ChatRequestSchema, { model: 'house/m', messages: [{ role: Role.USER, content: 'Hello' }] })
  const requestBytes = toBinary(ChatRequestSchema, request)
  const arrival = {
    requestId: 'bench',
    credential: `Bearer ${KEY}`,
    peer: '127.0.0.1:1',
    timeout: 60_000,
    maxDuration: 600_000,
    requestBytes: () => requestBytes,
    header: () => undefined,
  }
  const answer: Handler<{ readonly context: CallContext }, ChatEvent> = async ({ context }) => {
    const events = new EventStream<ChatEvent>(context.cancellation, { pause() {}, resume() {}, cancel() {} })
    events.push(startEvent(context.requestId, undefined))
    events.push(textEvent('Hello'))
    const finish = { finishReason: FinishReason.STOP, rawFinishReason: 'stop', usage: undefined, cost: undefined }
    events.push(finishEvent({ ...finish, route: undefined }))
    events.end()
    return events
  }
  const ask = async (handler: Handler<Call<ChatRequest> & Planned, ChatEvent>) => {
    const context = new RequestContext(systemClock, arrival, () => {})
    const events = await handler({ ...createCall('chat', request, context), targets: [] })
    await new Promise<void>((resolve) => events.read({ event: () => true, end: () => resolve() }))
    context.close()
  }
  return { answer, ask }
}
