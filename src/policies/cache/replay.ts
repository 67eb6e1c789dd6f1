import type { CallContext } from '../../domain/calls/call.ts'
import { duration } from '../../domain/calls/call-record.ts'
import { costOf, dollars, type NanoDollars, nanoDollars } from '../../domain/money.ts'
import type { CacheAddress } from '../../domain/ports/cache.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import { finishEvent, startEvent } from '../../domain/streams/events.ts'
import { streamOf } from '../../domain/streams/stream-of.ts'
import type { ChatEvent, Cost, FinishEvent, Route, StartEvent } from '../../domain/types.ts'

/** A stored response as a stream, its text in the original pieces. */
export function replay(
  context: CallContext,
  events: readonly ChatEvent[],
  { id }: CacheAddress,
): EventStream<ChatEvent> {
  const finish = finishIn(events)
  const start = startEvent(context.requestId, finish && cachedRoute(finish.route, context, id))
  const rest = events.map((event) =>
    event.event.case === 'finish' ? cachedFinish(event.event.value, context, id) : event,
  )
  return streamOf(context.cancellation, [start, ...rest])
}

/** Start of a response that another call made. */
export function cachedStart({ route }: StartEvent, context: CallContext, cacheId: string): ChatEvent {
  return startEvent(context.requestId, route && cachedRoute(route, context, cacheId))
}

/** Finish of a response that another call made: what it saved in place of what it cost, or what the call pays of it. */
export function cachedFinish(finish: FinishEvent, context: CallContext, cacheId: string, paid?: Cost): ChatEvent {
  const { finishReason, rawFinishReason, usage, cost, route } = finish
  return finishEvent({
    finishReason,
    rawFinishReason,
    usage,
    cost: paid ?? savedCost(cost?.usd),
    route: cachedRoute(route, context, cacheId),
  })
}

export function savedCost(usd: number | undefined): Cost {
  const cost: Cost = { $typeName: 'llmgateway.v1.Cost', usd: 0, inputUsd: 0, outputUsd: 0, estimated: false }
  if (usd !== undefined) cost.savedUsd = usd
  return cost
}

/** What a call pays of a response of which others pay `paid`, the input first. */
export function costBeyond({ inputUsd, outputUsd, estimated }: Cost, paid: NanoDollars): Cost {
  const [input, output] = [nanoDollars(inputUsd), nanoDollars(outputUsd)]
  const rest = { input: Math.max(0, input - paid), output: Math.max(0, output - Math.max(0, paid - input)) }
  const saved = input + output - rest.input - rest.output
  return { ...costOf(rest, estimated), savedUsd: dollars(saved) }
}

export function cachedRoute(
  route: Pick<Route, 'provider' | 'model' | 'responseModel' | 'upstreamId' | 'warnings'> | undefined,
  context: CallContext,
  cacheId: string,
): Route {
  return {
    $typeName: 'llmgateway.v1.Route',
    provider: route?.provider ?? '',
    model: route?.model ?? '',
    responseModel: route?.responseModel ?? '',
    upstreamId: route?.upstreamId ?? '',
    cached: true,
    cacheId,
    fallbackUsed: false,
    attempts: [],
    warnings: route?.warnings ?? [],
    latency: duration(context.record.elapsed()),
    keyId: '',
  }
}

export function finishIn(events: readonly ChatEvent[]): FinishEvent | undefined {
  const last = events.at(-1)?.event
  return last?.case === 'finish' ? last.value : undefined
}
