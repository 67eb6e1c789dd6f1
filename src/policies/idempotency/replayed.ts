import type { Call, CallContext } from '../../domain/calls/call.ts'
import { REPLAYED_TRAILER } from '../../domain/calls/idempotency-key.ts'
import type { KeptResult } from '../../domain/ports/idempotency.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import { streamOf } from '../../domain/streams/stream-of.ts'
import type { Route } from '../../domain/types.ts'

/** Marks a call as one that receives what an earlier one was answered. */
export function markReplayed({ record }: CallContext): void {
  record.replayed = true
  record.trailers = { ...record.trailers, [REPLAYED_TRAILER]: 'true' }
}

/** A kept result, as it was. Throws the error of one that failed at once. */
export function replay<E extends AnyEvent>({ context }: Call, { events, error }: KeptResult): EventStream<E> {
  if (error && events.length === 0) throw error
  // A key belongs to one method, so the events are those of its chain.
  return streamOf<E>(context.cancellation, events as readonly E[], error)
}

/** An event with the id of the call that it answers. Responses of chats have it in their start. */
export function named<E extends AnyEvent>(event: E, { requestId }: CallContext): E {
  if (event.event.case !== 'finish' || 'finishReason' in event.event.value) return event
  return { ...event, event: { ...event.event, value: { ...event.event.value, id: requestId } } }
}

/** The same handler, whose responses have a further warning in their route. */
export function warning<C, E extends AnyEvent>(next: Handler<C, E>, text: string | undefined): Handler<C, E> {
  if (text === undefined) return next
  return async (call) => (await next(call)).as((event) => withWarning(event, text))
}

/** A copy: others may have the same event. */
function withWarning<E extends AnyEvent>(event: E, text: string): E {
  const { case: kind, value } = event.event
  if ((kind !== 'start' && kind !== 'finish') || !value.route) return event
  const route: Route = { ...value.route, warnings: [...value.route.warnings, text] }
  return { ...event, event: { case: kind, value: { ...value, route } } }
}
