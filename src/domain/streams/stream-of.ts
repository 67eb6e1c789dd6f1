import type { Cancellation } from '../cancellation.ts'
import type { GatewayError } from '../errors/error.ts'
import { EventStream, type Source } from './event-stream.ts'

const nothingToStop: Source = { pause() {}, resume() {}, cancel() {} }

/** A stream of events that have all happened, and how it ended. */
export function streamOf<E>(cancellation: Cancellation, events: readonly E[], error?: GatewayError): EventStream<E> {
  const stream = new EventStream<E>(cancellation, nothingToStop)
  for (const event of events) stream.push(event)
  stream.end(error)
  return stream
}
