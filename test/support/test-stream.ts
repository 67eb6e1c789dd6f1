import type { CallContext } from '../../src/domain/calls/call.ts'
import type { GatewayError } from '../../src/domain/errors/error.ts'
import { EventStream, type Source } from '../../src/domain/streams/event-stream.ts'
import { emptyMessage, finishEvent, textEvent } from '../../src/domain/streams/events.ts'
import type { ChatEvent, ChatRequest, ChatResponse } from '../../src/domain/types.ts'

export function chatResponse(content: string): ChatResponse {
  const message = { ...emptyMessage(3), content }
  return { $typeName: 'llmgateway.v1.ChatResponse', id: 'chat-1', message, finishReason: 1, rawFinishReason: 'stop' }
}

export const finish: ChatEvent = finishEvent({ finishReason: 1, rawFinishReason: 'stop' })

/** A stream whose source is this object: it says what was asked of it. */
export class TestStream implements Source {
  readonly events: EventStream<ChatEvent>
  paused = false
  pauses = 0
  cancelledWith: GatewayError | undefined

  constructor(context: CallContext) {
    this.events = new EventStream(context.cancellation, this)
  }

  pause(): void {
    this.paused = true
    this.pauses++
  }

  resume(): void {
    this.paused = false
  }

  cancel(reason: GatewayError): void {
    this.cancelledWith = reason
  }

  say(...texts: string[]): this {
    for (const text of texts) this.events.push(textEvent(text))
    return this
  }

  finish(): this {
    this.events.push(finish)
    this.events.end()
    return this
  }
}

/** Settles when the call is cancelled, with the reason. */
export function cancelled(context: CallContext): Promise<GatewayError> {
  return new Promise((resolve) => context.cancellation.add({ cancel: resolve }))
}

/** A method that works until it is told to stop, and then throws why, as the road of a call does. */
export async function untilCancelled(_request: ChatRequest, context: CallContext): Promise<never> {
  throw await cancelled(context)
}
