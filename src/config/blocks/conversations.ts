import type { ConversationRules } from '../../domain/calls/conversation-rules.ts'
import { ContextOverflow } from '../../domain/types.ts'
import type { FileSettings } from '../file/schema.ts'
import { type Findings, pathText, withHint } from '../findings.ts'

type Aliases = NonNullable<FileSettings['models']>
type AliasEntry = Aliases[string]

const overflows = {
  error: ContextOverflow.ERROR,
  drop_oldest: ContextOverflow.DROP_OLDEST,
  summarize: ContextOverflow.SUMMARIZE,
} satisfies Record<NonNullable<AliasEntry['context_overflow']>, ContextOverflow>

/** What an alias says about conversations; undefined where that is nothing. */
export function conversationOf(name: string, aliases: Aliases, findings: Findings): ConversationRules | undefined {
  const { context_overflow, summarize_with, trim } = aliases[name] ?? {}
  if (context_overflow === undefined && summarize_with === undefined && trim === undefined) return undefined
  const problem = summarize_with === undefined ? undefined : summarizerProblem(name, summarize_with, aliases)
  if (problem !== undefined) findings.problem(pathText(['models', name, 'summarize_with']), problem)
  if (context_overflow === 'summarize' && summarize_with === undefined) {
    findings.problem(pathText(['models', name, 'context_overflow']), 'needs summarize_with, the alias that summarizes')
  }
  return {
    ...(context_overflow !== undefined && { overflow: overflows[context_overflow] }),
    ...(summarize_with !== undefined && { summarizeWith: summarize_with }),
    ...(trim !== undefined && { trim }),
  }
}

function summarizerProblem(name: string, summarizer: string, aliases: Aliases): string | undefined {
  if (summarizer === name) return 'must be another alias'
  if (!Object.hasOwn(aliases, summarizer)) {
    const others = Object.keys(aliases).filter((alias) => alias !== name)
    return withHint(`"${summarizer}" is not an alias; it must be one under models`, summarizer, others)
  }
  const path = [name]
  for (let next: string | undefined = summarizer; next !== undefined; next = aliases[next]?.summarize_with) {
    if (next === name) return `makes a circle: ${[...path, name].join(' > ')}`
    if (path.includes(next)) return undefined // a circle of others, which is reported there
    path.push(next)
  }
  return undefined
}
