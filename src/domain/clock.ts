/** Source of time, passed as an argument so that tests can control it. */
export interface Clock {
  /** Monotonic milliseconds with a fraction, for durations and deadlines. */
  now(): number
  /** Wall time in milliseconds since the Unix epoch, for dates. */
  wall(): number
  /** Calls `act` once, `ms` from now. Returns a function that cancels the call. */
  after(ms: number, act: () => void): () => void
}

/** The longest delay of a Node timer in ms, about 24.8 days. */
const MAX_DELAY = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, Math.min(ms, MAX_DELAY))
    return () => clearTimeout(timer)
  },
}
