import { GatewayError } from './error.ts'
import type { EventStream, Watcher } from './event-stream.ts'
import type { AnyEvent } from './events.ts'

/** A call is a promise of a stream of events. It settles when the first meaningful event is in hand. */
export type Handler<C, E extends AnyEvent = AnyEvent> = (call: C) => Promise<EventStream<E>>

/**
 * The only way to learn how a call ends: covers the refusal before there is a stream and the ending after. It takes
 * `next`, not a promise, so that a synchronous throw cannot escape the watcher.
 */
export async function follow<C, E extends AnyEvent>(
  next: Handler<C, E>,
  call: C,
  watcher: Watcher<NoInfer<E>>,
): Promise<EventStream<E>> {
  let events: EventStream<E>
  try {
    events = await next(call)
  } catch (thrown) {
    const error = GatewayError.from(thrown)
    await watcher.end(error)
    throw error
  }
  events.watch(watcher)
  return events
}
