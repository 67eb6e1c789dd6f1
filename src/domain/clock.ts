/** Time as an argument, so that tests can turn it. */
export interface Clock {
  /** Monotonic milliseconds with a fraction, for durations and deadlines. */
  now(): number
  /** Milliseconds since 1970, for dates. */
  wall(): number
  /** Calls `act` once, `ms` from now. Returns how to prevent it. */
  after(ms: number, act: () => void): () => void
}

/** The longest delay that a timer of Node's can keep, about 24.8 days. */
const MAX_DELAY = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, Math.min(ms, MAX_DELAY))
    return () => clearTimeout(timer)
  },
}
