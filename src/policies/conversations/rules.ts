import type { Call } from '../../domain/calls/call.ts'
import type { ConversationRules } from '../../domain/calls/conversation-rules.ts'
import type { Planned, Target } from '../../domain/calls/facts.ts'
import { invalid } from '../../domain/errors/error.ts'
import { ContextOverflow } from '../../domain/types.ts'

/** The rules for a target: those of its alias. A target without one follows the alias that the call names. */
export function rulesFor({ targets }: Planned, target: Target): ConversationRules | undefined {
  return target.alias === undefined ? targets[0]?.conversation : target.conversation
}

/** What is done where a conversation is too long for a target. The call's own choice takes precedence. */
export function overflowAt(call: Pick<Call, 'wishes'> & Planned, target: Target): ContextOverflow {
  const { ERROR, UNSPECIFIED } = ContextOverflow
  const own = call.wishes.overflow
  if (own === undefined) return ERROR
  return own === UNSPECIFIED ? (rulesFor(call, target)?.overflow ?? ERROR) : own
}

/**
 * The alias that makes summaries for a target: that of its own rules, else of the alias that the call names. Throws
 * INVALID_REQUEST where there is none.
 */
export function summarizerFor(call: Planned, target: Target): string {
  const alias = rulesFor(call, target)?.summarizeWith ?? call.targets[0]?.conversation?.summarizeWith
  if (alias !== undefined) return alias
  throw invalid('context_overflow', 'cannot be SUMMARIZE: the call names no alias with summarize_with.')
}
