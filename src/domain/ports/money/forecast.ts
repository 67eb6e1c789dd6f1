import type { Target } from '../../calls/facts.ts'
import type { Reason } from '../../errors/reasons.ts'
import type { NanoDollars } from '../../money.ts'
import type { ChatRequest, ContextOverflow } from '../../types.ts'

/** What one budget would say to a call. */
export interface BudgetForecastView {
  readonly name: string
  readonly refuses: boolean
  /** What can still be spent; undefined where it is not the caller's to know. */
  readonly remaining: NanoDollars | undefined
  readonly passes: boolean
}

/** What a call would cost at one target. Tokens are estimates. */
export interface TargetForecast {
  readonly target: Target
  /** What would be sent. */
  readonly request: ChatRequest
  /** How the conversation would be made shorter for the target; undefined if it would be sent as it is. */
  readonly fit: { readonly overflow: ContextOverflow; readonly dropped: number } | undefined
  readonly input: number
  /** Whether the caller's earlier calls say how the model counts. */
  readonly isLearned: boolean
  /** Output tokens of a usual and of a long response to such calls. */
  readonly output: { readonly p50: number; readonly p95: number }
  readonly outputMax: number | undefined
  readonly contextWindow: number | undefined
  /** Cost with these numbers of tokens; undefined when the price is not known. */
  costWith(input: number, output: number): NanoDollars | undefined
  /** Why the target would be skipped. */
  readonly skipped: Reason | undefined
  readonly budgets: readonly BudgetForecastView[]
}
