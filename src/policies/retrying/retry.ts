import type { Call } from '../../domain/calls/call.ts'
import type { Observed, Routed } from '../../domain/calls/facts.ts'
import type { Cancellation } from '../../domain/cancellation.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { AttemptBound } from '../routing/attempt-bound.ts'
import { MIN_TIME } from '../routing/min-time.ts'
import type { RetryBudget } from './retry-budget.ts'

/** Most retries of one call, over all its targets. */
const MAX_RETRIES = 2
/**
 * Bounds of the random wait before a retry when the upstream names none, in ms: retries of many calls must not
 * coincide.
 */
const MIN_WAIT = 250
const MAX_WAIT = 2_000
/**
 * Added at random to the wait that an upstream names, in ms, so that calls that wait equally long do not return
 * together.
 */
const SPREAD = 250

export interface RetryTools {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly budget: RetryBudget
  /** True when the gateway is about to end and begins no further attempts. */
  readonly isEnding?: () => boolean
  readonly bound?: AttemptBound
}

/**
 * Asks a target once more when the error says that this may help: after a wait, within the time that is left, and
 * within a budget, so that the retries of many calls do not become a load of their own.
 */
export function retry({ clock, random, budget, isEnding, bound }: RetryTools): Policy<Call & Observed & Routed> {
  return (next) => async (call) => {
    budget.calls++
    try {
      return await next(call)
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      const wait = waitFor(error, call, random)
      if (wait === undefined || !isInTime(call, clock.now() + wait) || budget.isSpent || isEnding?.()) throw error
      if (bound?.isReached(call)) throw error
      call.context.record.retries++
      call.telemetry.retried()
      budget.retries++
      try {
        await pause(wait, clock, call.context.cancellation)
        return await next(call)
      } finally {
        budget.retries--
      }
    } finally {
      budget.calls--
    }
  }
}

/** Wait before the retry in ms; undefined when the target must not be asked again. */
function waitFor(error: GatewayError, { context }: Call, random: () => number): number | undefined {
  if (!error.retry || context.record.retries >= MAX_RETRIES) return undefined
  const { retryAfter } = error.facts
  if (retryAfter === undefined) return MIN_WAIT + random() * (MAX_WAIT - MIN_WAIT)
  return retryAfter <= MAX_WAIT ? Math.min(MAX_WAIT, retryAfter + random() * SPREAD) : undefined
}

/** Whether an attempt that begins at `start` has time to answer. */
function isInTime({ context, firstEventBy }: Call & Routed, start: number): boolean {
  return start + MIN_TIME <= Math.min(context.deadline, firstEventBy)
}

/** Waits `ms`; rejects when the call is cancelled. */
function pause(ms: number, clock: Clock, cancellation: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopTimer = clock.after(ms, () => {
      cancellation.remove(withCall)
      resolve()
    })
    const withCall = {
      cancel(reason: GatewayError) {
        stopTimer()
        reject(reason)
      },
    }
    cancellation.add(withCall)
  })
}
