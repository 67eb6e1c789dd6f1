import type { Clock } from '../../domain/clock.ts'
import { invalid } from '../../domain/error.ts'
import { EventStream } from '../../domain/event-stream.ts'
import type { StatsSource } from '../../domain/ports/stats.ts'
import type { StatsResponse, WatchStatsRequest } from '../../domain/types.ts'
import type { StreamMethod } from '../method-types.ts'

/** In ms. */
const SHORTEST = 100
const LONGEST = 3_600_000
const DEFAULT = 1_000

/**
 * The counters at once, and then at each interval, until the call is cancelled. A reader that is full gets none until
 * it has room.
 */
export function createWatchStats(stats: StatsSource, clock: Clock): StreamMethod<WatchStatsRequest, StatsResponse> {
  return async (request, { cancellation }) => {
    const interval = intervalOf(request)
    cancellation.throwIfCancelled()
    let due = clock.now()
    let stopTimer = () => {}
    const events = new EventStream<StatsResponse>(cancellation, {
      pause: () => stopTimer(),
      resume: sleep,
      cancel: () => stopTimer(),
    })

    function sleep(): void {
      stopTimer = clock.after(Math.max(0, due - clock.now()), notify)
    }

    /** Sets the timer before it tells: who is told may stop it. */
    function notify(): void {
      due = clock.now() + interval
      sleep()
      events.push(stats.snapshot())
    }

    notify()
    return events
  }
}

/** In ms. Throws INVALID_REQUEST. */
function intervalOf({ interval }: WatchStatsRequest): number {
  if (!interval) return DEFAULT
  const ms = Number(interval.seconds) * 1000 + interval.nanos / 1e6
  if (ms >= SHORTEST && ms <= LONGEST) return ms
  throw invalid('interval', 'must be 100 ms to 1 h')
}
