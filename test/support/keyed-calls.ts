import { create } from '@bufbuild/protobuf'
import type { KeptResult, KeyedCall } from '../../src/domain/ports/idempotency.ts'
import { finishEvent, startEvent, textEvent } from '../../src/domain/streams/events.ts'
import { FinishReason, RouteSchema } from '../../src/domain/types.ts'

/** A call of `holder` with this key. */
export function keyedCall(key: string, more: Partial<KeyedCall> = {}): KeyedCall {
  return { id: key, holder: 'ada', fingerprint: 'the request', callId: `call of ${key}`, ...more }
}

/** The response of a chat. */
export function keptText(text: string): KeptResult {
  const route = create(RouteSchema, { provider: 'house', model: 'm', warnings: ['a warning'] })
  const finish = { finishReason: FinishReason.STOP, rawFinishReason: 'stop', usage: undefined, cost: undefined, route }
  return { events: [startEvent('first', undefined), textEvent(text), finishEvent(finish)], error: undefined }
}
