import { type ReasoningConfig, ReasoningEffort } from '../../../domain/types.ts'
import type { Level, Thinking } from './models.ts'

type Fields = Readonly<Record<string, unknown>>
type LeaveOut = (field: string, why: string) => void

/** Tokens for each level, as the vendor maps them. https://ai.google.dev/gemini-api/docs/openai#thinking */
const tokensOf: Readonly<Record<Level, number>> = { MINIMAL: 1024, LOW: 1024, MEDIUM: 8192, HIGH: 24_576 }

const levelOf: Readonly<Partial<Record<ReasoningEffort, Level>>> = {
  [ReasoningEffort.MINIMAL]: 'MINIMAL',
  [ReasoningEffort.LOW]: 'LOW',
  [ReasoningEffort.MEDIUM]: 'MEDIUM',
  [ReasoningEffort.HIGH]: 'HIGH',
}

/**
 * Settings for thinking that the model takes; undefined if nothing is requested or possible. Callers that ask for
 * thinking receive the thoughts. https://ai.google.dev/gemini-api/docs/thinking
 */
export function thinkingConfig(
  reasoning: ReasoningConfig | undefined,
  thinking: Thinking | undefined,
  leaveOut: LeaveOut,
): Fields | undefined {
  const wanted = reasoning && wantedBy(reasoning)
  if (wanted === undefined) return undefined
  if (wanted === 0) return withoutThinking(thinking, leaveOut)
  if (thinking) return { ...amountOf(wanted, thinking), includeThoughts: true }
  leaveOut('reasoning', 'the thinking of this model cannot be set')
  return undefined
}

/** A budget of 0 turns thinking off. */
function wantedBy({ amount }: ReasoningConfig): Level | number | undefined {
  if (amount.case === 'effort') return amount.value === ReasoningEffort.NONE ? 0 : levelOf[amount.value]
  return amount.value
}

function withoutThinking(thinking: Thinking | undefined, leaveOut: LeaveOut): Fields | undefined {
  if (!thinking) return undefined
  if (thinking.by === 'budget' && thinking.off) return { thinkingBudget: 0 }
  leaveOut('reasoning', 'the model always thinks; it is asked to think as little as it can')
  return thinking.by === 'budget' ? { thinkingBudget: thinking.least } : { thinkingLevel: thinking.levels[0] }
}

/** Nearest value that the model takes. */
function amountOf(wanted: Level | number, thinking: Thinking): Fields {
  if (thinking.by === 'budget') {
    const tokens = typeof wanted === 'number' ? wanted : tokensOf[wanted]
    return { thinkingBudget: Math.min(Math.max(tokens, thinking.least), thinking.most) }
  }
  const { levels } = thinking
  if (typeof wanted !== 'number') return { thinkingLevel: levels.includes(wanted) ? wanted : levels[0] }
  return { thinkingLevel: levels.find((level) => tokensOf[level] >= wanted) ?? levels.at(-1) }
}
