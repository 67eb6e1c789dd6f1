import { GatewayError } from '../errors/error.ts'
import type { EventStream, Watcher } from './event-stream.ts'
import type { AnyEvent } from './events.ts'

/** A call is a promise of a stream of events. It settles when the first meaningful event is in hand. */
export type Handler<C, E extends AnyEvent = AnyEvent> = (call: C) => Promise<EventStream<E>>

/**
 * The only way to observe how a call ends: covers an error before there is a stream and the ending after. It takes
 * `next`, not a promise, so that a synchronous throw cannot escape the watcher.
 */
export function follow<C, E extends AnyEvent>(
  next: Handler<C, E>,
  call: C,
  watcher: Watcher<NoInfer<E>>,
): Promise<EventStream<E>> {
  // Not an async function: the frames of suspended functions are most of the memory that a waiting call holds.
  return answer(next, call).then(
    (events) => {
      events.watch(watcher)
      return events
    },
    async (thrown) => {
      const error = GatewayError.from(thrown)
      await watcher.end(error)
      throw error
    },
  )
}

function answer<C, E extends AnyEvent>(next: Handler<C, E>, call: C): Promise<EventStream<E>> {
  try {
    return next(call)
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}
