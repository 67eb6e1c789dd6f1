import type { Sizes } from '../sizes.ts'
import { AROUND_SUMMARY, SUMMARY_TOKENS } from './prompt.ts'

/** Part of the space that a conversation takes with its summary, so that the next turns need no other one. */
const TAKEN = 3 / 4
/** The largest part of the space that is left for a summary. */
const FOR_SUMMARY = 1 / 2

/**
 * How many of the oldest turns are summarized, at least `least`, where a conversation may have `space` tokens; undefined
 * where there is no room for a summary beside what must be kept.
 */
export function turnsToSummarize(sizes: Sizes, space: number, least = 1): number | undefined {
  const summary = Math.min(SUMMARY_TOKENS + AROUND_SUMMARY, Math.floor(space * FOR_SUMMARY))
  if (sizes.without(sizes.turns.droppable) + summary > space) return undefined
  return Math.max(least, sizes.toDrop(Math.floor(space * TAKEN) - summary))
}
