import type { Cancellation } from '../cancellation.ts'
import { EventStream, type Source } from './event-stream.ts'

const nothingToStop: Source = { pause() {}, resume() {}, cancel() {} }

/** A stream of events that are already complete. */
export function streamOf<E>(cancellation: Cancellation, events: readonly E[]): EventStream<E> {
  const stream = new EventStream<E>(cancellation, nothingToStop)
  for (const event of events) stream.push(event)
  stream.end()
  return stream
}
