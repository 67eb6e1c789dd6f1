import { type Figures, quantile } from './figures.ts'
import type { Trouble } from './redis-troubles.ts'

/** In ms. */
const MAX_WAIT = 200
const MAX_RISE = 5
const MAX_RECOVERY = 5_000
/** A second, at a Redis in trouble. */
const MAX_LOOKS = 15

/** A call. */
export interface Made {
  /** On the monotonic clock, in ms. */
  readonly begun: number
  readonly ended: number
  readonly fault: string | undefined
}

/** How a Redis got into trouble and out of it: moments on the monotonic clock, and times, in ms. */
export interface Round {
  readonly well: number
  readonly begun: number
  readonly noticed: number
  /** Commands to Redis from then on, a second. */
  readonly asked: number
  readonly ended: number
  readonly recovered: number
  readonly over: number
}

/** What becomes of the calls. */
export function callsFigure({ name }: Trouble, made: readonly Made[], rounds: readonly Round[]): Figures {
  const parts = rounds.map((round) => partsOf(made, round))
  const all = parts.flatMap(({ since }) => since)
  const failed = all.filter(({ fault }) => fault !== undefined)
  const usual = quantile(took(parts.flatMap(({ before }) => before)), 1)
  const longest = quantile(took(all), 1)
  // The median of rounds: what else the machine does slows down some of them.
  const median = (of: (part: Parts) => number) => quantile(parts.map(of), 0.5)
  const rise = median(({ before, without }) => p99(without) - p99(before))
  const [before, then] = [median((part) => p99(part.before)), median((part) => p99(part.without))]
  return {
    promise: `Redis is ${name}: no call fails; from ${MAX_WAIT} ms on p99 is at most ${MAX_RISE} ms higher than before; none takes ${MAX_WAIT} ms longer than the longest before`,
    measured:
      `${failed.length} of ${all.length} failed${failed[0] ? ` (${failed[0].fault})` : ''}; p99 ${ms(before)} before, ` +
      `${ms(then)} then, ${ms(rise)} more (medians of ${rounds.length}); longest ${ms(usual)} before, ${ms(longest)} since`,
    holds: failed.length === 0 && rise <= MAX_RISE && longest <= usual + MAX_WAIT,
  }
}

/** What becomes of Redis. */
export function redisFigure({ name, lasts }: Trouble, rounds: readonly Round[]): Figures {
  const most = (of: (round: Round) => number) => Math.max(...rounds.map(of))
  const noticed = most((round) => round.noticed)
  const asked = most((round) => round.asked)
  const recovered = most((round) => round.recovered)
  if (!lasts) {
    return {
      promise: `Redis is ${name}: it is used throughout`,
      measured: `commands that failed: ${asked}`,
      holds: asked === 0 && recovered <= MAX_RECOVERY,
    }
  }
  return {
    promise: `Redis is ${name}: no call uses it, it is only probed, at most ${MAX_LOOKS} times a second; ${MAX_RECOVERY / 1_000} s after it recovers it is used again`,
    measured: `noticed after ${ms(noticed)}; then ${asked.toFixed(1)} probes a second; used again after ${ms(recovered)} (the longest and the most of ${rounds.length})`,
    holds: noticed < Number.POSITIVE_INFINITY && asked <= MAX_LOOKS && recovered <= MAX_RECOVERY,
  }
}

interface Parts {
  readonly before: readonly Made[]
  /** From the beginning of the trouble until it is over. */
  readonly since: readonly Made[]
  /** Those of them that ought to do without Redis. */
  readonly without: readonly Made[]
}

function partsOf(made: readonly Made[], { well, begun, ended, over }: Round): Parts {
  return {
    before: made.filter((call) => call.begun >= well && call.ended <= begun),
    since: made.filter((call) => call.ended > begun && call.begun < over),
    without: made.filter((call) => call.begun >= begun + MAX_WAIT && call.begun < ended),
  }
}

function p99(calls: readonly Made[]): number {
  return quantile(took(calls), 0.99)
}

function took(calls: readonly Made[]): number[] {
  return calls.map(({ begun, ended }) => ended - begun)
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}
