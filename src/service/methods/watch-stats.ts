import type { CallContext, Caller } from '../../domain/calls/call.ts'
import type { Reach } from '../../domain/calls/reach.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError, invalid } from '../../domain/errors/error.ts'
import { holderOfAnyone } from '../../domain/limits/holder.ts'
import { type Held, Shares } from '../../domain/limits/shares.ts'
import type { BudgetBoard } from '../../domain/ports/money/budgets.ts'
import type { StatsSource } from '../../domain/ports/operations/stats.ts'
import { EventStream } from '../../domain/streams/event-stream.ts'
import type { StatsResponse, WatchStatsRequest } from '../../domain/types.ts'
import { statsFor } from './money/budgets.ts'
import type { RecentCosts } from './money/recent-costs.ts'

/** Intervals in ms. */
const MIN_INTERVAL = 100
const MAX_INTERVAL = 3_600_000
const DEFAULT_INTERVAL = 1_000
/** Limit for open watches. */
const MAX_WATCHES = 1_000

interface StatsWatch extends Held {
  readonly events: EventStream<StatsResponse>
}

/**
 * Sends the counters at once and again after each interval, until the call is cancelled. A reader that is full receives
 * none until it has room.
 */
export function createWatchStats(
  stats: StatsSource,
  clock: Clock,
  reachOf: (caller: Caller) => Reach | undefined = () => undefined,
  budgets?: BudgetBoard | undefined,
  costsOf: (caller: Caller) => RecentCosts = () => ({}),
): (request: WatchStatsRequest, context: CallContext, caller?: Caller) => Promise<EventStream<StatsResponse>> {
  const watches = new Shares<StatsWatch>(MAX_WATCHES)
  return async (request, { cancellation, peer }, caller) => {
    const reach = caller && reachOf(caller)
    const source = caller ? statsFor(stats, budgets, caller) : stats
    const interval = intervalOf(request)
    cancellation.throwIfCancelled()
    let due = clock.now()
    let stopTimer = () => {}
    const events = new EventStream<StatsResponse>(cancellation, {
      pause: () => stopTimer(),
      resume: sleep,
      cancel: leave,
    })
    const watch = { events, holder: holderOfAnyone(caller, peer) }
    watches.add(watch)?.events.cancel(tooManyWatches())

    function leave(): void {
      watches.delete(watch)
      stopTimer()
    }

    function sleep(): void {
      stopTimer = clock.after(Math.max(0, due - clock.now()), notify)
    }

    /** Sets the timer before it pushes, because the reader may pause the stream. */
    function notify(): void {
      due = clock.now() + interval
      sleep()
      events.push({ ...source.snapshot(reach), ...(caller && costsOf(caller)) })
    }

    notify()
    return events
  }
}

function tooManyWatches(): GatewayError {
  return new GatewayError(
    'TOO_MANY_WATCHERS',
    'You hold the most of all open watches, which are too many. Use Stats instead.',
  )
}

/** The interval in ms. Throws INVALID_REQUEST. */
function intervalOf({ interval }: WatchStatsRequest): number {
  if (!interval) return DEFAULT_INTERVAL
  const ms = Number(interval.seconds) * 1000 + interval.nanos / 1e6
  if (ms >= MIN_INTERVAL && ms <= MAX_INTERVAL) return ms
  throw invalid('interval', 'must be 100 ms to 1 h')
}
