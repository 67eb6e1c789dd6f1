import type { Call } from '../../domain/calls/call.ts'
import { contextWindow } from '../../domain/calls/context-window.ts'
import type { Authenticated, Planned, Target } from '../../domain/calls/facts.ts'
import { type ChatRequest, ContextOverflow } from '../../domain/types.ts'
import type { Estimator } from '../estimating/estimator.ts'
import { overflowAt, summarizerFor } from './rules.ts'
import { shorten } from './shorten.ts'
import { Sizes } from './sizes.ts'
import { inputSpace } from './space.ts'
import { turnsToSummarize } from './summaries/turns-to-summarize.ts'

/** A conversation as it would be sent to a target for which it is too long, without the summary where there is one. */
export interface ForecastFit {
  readonly request: ChatRequest
  readonly overflow: ContextOverflow
  /** Number of turns that would not be sent. */
  readonly dropped: number
}

/** How `fitContext` would make a conversation shorter before it is sent; undefined where it would not. */
export function forecastFit(
  call: Call<ChatRequest> & Authenticated & Planned & { readonly target: Target },
  estimator: Estimator,
): ForecastFit | undefined {
  const { request, target } = call
  const overflow = overflowAt(call, target)
  const window = contextWindow(target, request)
  if (overflow === ContextOverflow.ERROR) return undefined
  const isSummarized = overflow === ContextOverflow.SUMMARIZE
  if (isSummarized) summarizerFor(call, target)
  if (window === undefined) return undefined
  const sizes = new Sizes(call, request, estimator)
  const space = inputSpace(call, window)
  const dropped = sizes.toDrop(space)
  if (dropped === 0) return undefined
  const summarized = isSummarized ? turnsToSummarize(sizes, space) : undefined
  return {
    request: { ...request, messages: shorten(sizes.turns, summarized ?? dropped) },
    overflow: summarized === undefined ? ContextOverflow.DROP_OLDEST : ContextOverflow.SUMMARIZE,
    dropped: summarized ?? dropped,
  }
}
