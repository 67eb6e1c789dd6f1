import type { ContextOverflow } from '../types.ts'

/** What an alias says about the conversations that are sent to its targets. */
export interface ConversationRules {
  /** What is done where one is too long, for calls that do not choose it themselves. */
  readonly overflow?: ContextOverflow | undefined
  /** Name of the alias whose model summarizes the turns that are too many. */
  readonly summarizeWith?: string | undefined
  /** Whether trailing blanks and surplus blank lines are removed from texts. */
  readonly trim?: boolean | undefined
}
