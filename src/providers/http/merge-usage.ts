import type { Usage } from '../../domain/types.ts'
import { COUNTS, PRICED_PARTS } from '../prices/usage.ts'

const MERGED = [...COUNTS, ...PRICED_PARTS] as const

/**
 * Merges reports of one reply. Vendors report the prompt first and the completion last, count up, or send zeros at the
 * end. The largest of each count holds, so usage never falls, with one exception: a final report corrects preliminary
 * counts, because Gemini's count of the prompt may fall at the end.
 */
export function mergeUsage(earlier: Usage | undefined, later: Usage): Usage {
  if (!earlier) return later
  const corrects = earlier.estimated && !later.estimated
  const merged: Usage = { ...later }
  for (const name of MERGED) {
    const count = countOf(earlier[name], later[name], corrects)
    if (count !== undefined) merged[name] = count
  }
  if (earlier.serviceTier !== undefined) merged.serviceTier ??= earlier.serviceTier
  const { input = 0, output = 0, total } = merged
  // The total of one half is too small for both.
  if (total !== undefined && total < input + output) merged.total = input + output
  const isWhole = merged.input !== undefined && merged.output !== undefined
  merged.estimated = later.estimated
    ? earlier.estimated || !isWhole
    : earlier.estimated && !isWhole && later.input === undefined
  return merged
}

function countOf(before: number | undefined, now: number | undefined, corrects: boolean): number | undefined {
  if (before === undefined || (corrects && now)) return now
  return Math.max(before, now ?? 0)
}

/** Whether a report holds only zeros. No prompt is empty, so such a report has no meaning. */
export function isAllZeros(usage: Usage): boolean {
  return COUNTS.every((name) => !usage[name])
}
