import type { StatedSizes } from '../../domain/errors/error.ts'
import type { Estimated } from '../estimating/estimator.ts'

/** Room for an answer that nothing bounds: this part of the window, up to this many tokens. */
const ANSWER_SHARE = 1 / 4
const MAX_ANSWER = 4_096
/** How far an estimate may be too low. */
const MARGIN = 1.1
/** Part of a conversation that is sent after a vendor has refused it as too long without saying by how much. */
const AFTER_REFUSAL = 1 / 2
/** How far turns may differ in how their tokens are counted. */
const COUNTED_MARGIN = 1.05

type Asked = Pick<Estimated, 'wishes' | 'target'>

/** Limit for the estimated tokens of a conversation, so that a window of `window` tokens has room for the answer. */
export function inputSpace(call: Asked, window: number): number {
  return Math.max(0, withMargin(window - answerSpace(call, window)))
}

/** Limit for the estimate of what may have `tokens` tokens. */
export function withMargin(tokens: number): number {
  return Math.floor(tokens / MARGIN)
}

/** The same after a vendor has refused a conversation of `refused` estimated tokens as too long, and said this of it. */
export function spaceAfterRefusal(call: Asked, refused: number, { window = 0, input }: StatedSizes = {}): number {
  const room = window - answerSpace(call, window)
  const space = input === undefined ? withMargin(room) : Math.floor(((room / input) * refused) / COUNTED_MARGIN)
  // What would leave nothing, or no less than was refused, cannot be what the vendor means.
  return space > 0 && space < refused ? space : Math.floor(refused * AFTER_REFUSAL)
}

function answerSpace({ wishes, target }: Asked, window: number): number {
  const { maxOutput = Number.POSITIVE_INFINITY } = target.provider.describe(target.model)
  const share = Math.floor(window * ANSWER_SHARE)
  const wanted = wishes.maxTokens ?? target.defaults.maxTokens
  if (wanted === undefined) return Math.min(MAX_ANSWER, share, maxOutput)
  // No conversation leaves room for an answer as long as the window.
  const most = Math.min(wanted, maxOutput)
  return most < window ? most : share
}
