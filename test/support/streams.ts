import { Cancellation } from '../../src/domain/cancellation.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import type { ChatEvent } from '../../src/domain/types.ts'

/** A response that ends when the test ends it. */
export function openStream<E = ChatEvent>(cancellation = new Cancellation()): EventStream<E> {
  return new EventStream<E>(cancellation, { pause() {}, resume() {}, cancel() {} })
}

/** A stream that has all its events already. */
export function streamOf<E>(cancellation: Cancellation, events: readonly E[]): EventStream<E> {
  const stream = openStream<E>(cancellation)
  for (const event of events) stream.push(event)
  stream.end()
  return stream
}
