import { type ChatRequest, ReasoningEffort } from '../../../domain/types.ts'
import type { WireContext } from '../../define.ts'
import type { OpenAiDialect, OpenAiRules } from './dialect.ts'

type LeaveOut = WireContext['leaveOut']

const { MINIMAL, LOW, NONE } = ReasoningEffort

/** How much the model is to think. */
export interface Thinking {
  /** The vendor's word; undefined leaves the amount to the vendor. */
  readonly effort?: string
  /** In tokens, where the vendor takes a budget. */
  readonly budget?: number
  /** Whether the model thinks, as far as that is known. */
  readonly isOn: boolean
}

/** The amount of thinking for the chat endpoint, which some models do not let think while they have tools. */
export function thinkingOf(
  request: ChatRequest,
  rules: OpenAiRules,
  dialect: OpenAiDialect,
  leaveOut: LeaveOut,
): Thinking {
  const wanted = wantedThinking(request, rules, dialect, leaveOut)
  const none = (rules.efforts ?? dialect.efforts)[NONE]
  const isObstacle = request.tools.length > 0 && rules.effortWithTools === false && wanted.isOn
  if (!isObstacle || none === undefined) return wanted
  leaveOut('reasoning', 'the model does not think while it has tools, except by the Responses API (api: responses)')
  return { effort: none, isOn: false }
}

/** The amount that the request asks for, in the vendor's words. */
export function wantedThinking(
  { reasoning }: ChatRequest,
  rules: OpenAiRules,
  dialect: OpenAiDialect,
  leaveOut: LeaveOut,
): Thinking {
  const byDefault = { isOn: rules.thinksByDefault ?? false }
  const amount = reasoning?.amount
  if (amount?.case === undefined) return byDefault
  if (amount.case === 'budgetTokens' && amount.value > 0) {
    if (dialect.thinking === 'reasoning') return { budget: amount.value, isOn: true }
    leaveOut('reasoning.budget_tokens', 'the vendor takes an effort only')
    return byDefault
  }
  const effort = amount.case === 'effort' ? amount.value : NONE
  const word = wordFor(effort, rules.efforts ?? dialect.efforts, rules.alwaysThinks ?? false, leaveOut)
  return word === undefined ? byDefault : { effort: word, isOn: effort !== NONE || rules.alwaysThinks === true }
}

/** The vendor's word for an amount of thinking; undefined where there is none. */
function wordFor(
  effort: ReasoningEffort,
  efforts: NonNullable<OpenAiRules['efforts']>,
  alwaysThinks: boolean,
  leaveOut: LeaveOut,
): string | undefined {
  const word = efforts[effort]
  if (word !== undefined) return word
  const least = alwaysThinks && effort === NONE ? (efforts[MINIMAL] ?? efforts[LOW]) : undefined
  if (least === undefined) leaveOut('reasoning', 'the model does not take this amount')
  else leaveOut('reasoning', 'the model always thinks; the least effort is requested')
  return least
}
