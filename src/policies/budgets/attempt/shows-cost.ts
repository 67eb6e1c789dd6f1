import type { Call } from '../../../domain/calls/call.ts'
import type { Target } from '../../../domain/calls/facts.ts'
import type { ModelFacts } from '../../../domain/ports/provider.ts'

/**
 * Whether the text of a response shows, while it is generated, what is billed for it, and whether the vendor bills no
 * more once the connection is closed.
 */
export function showsItsCost(
  { streamed, wishes, target }: Call & { readonly target: Target },
  { hiddenReasoning }: ModelFacts,
): boolean {
  // An operation with no output has no text.
  if (wishes.maxTokens === 0 || target.provider.onCancel === 'runs_on') return false
  if (!streamed && !target.provider.streamsUnary) return false
  if (hiddenReasoning === undefined || wishes.reasoning === false) return true
  return hiddenReasoning === 'when asked' && wishes.reasoning === undefined
}
