import type { ConversationRules } from '../../domain/calls/conversation-rules.ts'
import { ContextOverflow } from '../../domain/types.ts'
import type { FileSettings } from '../file/schema.ts'

type AliasEntry = NonNullable<FileSettings['models']>[string]

const overflows = {
  error: ContextOverflow.ERROR,
  drop_oldest: ContextOverflow.DROP_OLDEST,
} satisfies Record<NonNullable<AliasEntry['context_overflow']>, ContextOverflow>

/** What an alias says about conversations; undefined where that is nothing. */
export function conversationOf({ context_overflow, trim }: AliasEntry): ConversationRules | undefined {
  if (context_overflow === undefined && trim === undefined) return undefined
  return {
    ...(context_overflow !== undefined && { overflow: overflows[context_overflow] }),
    ...(trim !== undefined && { trim }),
  }
}
