import type { Estimated, Estimator } from '../estimating/estimator.ts'

/**
 * Estimated tokens of a text that is sent to a target. What was learned can only make them more: a vendor that reports
 * less than it was sent may have cut it off.
 */
export function estimatedText(estimator: Estimator, call: Estimated, text: number): number {
  return Math.max(Math.ceil(text), estimator.input(call, { text, media: [] }))
}
