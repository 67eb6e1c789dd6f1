import type { Clock } from '../../domain/clock.ts'

const TURNS = 10

/**
 * Calls `act` once, `ms` from now, but not before several turns of the event loop: on a busy machine a single turn may take
 * longer, and the end of a call needs a few to be sent. Returns a function that cancels the call.
 */
export function afterTurns(clock: Clock, ms: number, act: () => void): () => void {
  let left = TURNS
  let stop = () => {}
  const wait = () => {
    stop = clock.after(ms / TURNS, () => (--left > 0 ? wait() : act()))
  }
  wait()
  return () => stop()
}
