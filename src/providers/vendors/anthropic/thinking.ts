import { type ChatRequest, type Message, type ReasoningConfig, ReasoningEffort, Role } from '../../../domain/types.ts'
import type { JsonFields } from '../json.ts'
import { makerOf } from '../signature.ts'
import type { ModelTraits } from './models.ts'

const { UNSPECIFIED, NONE, MINIMAL, LOW, MEDIUM, HIGH } = ReasoningEffort

interface Amount {
  /** Effort, for models that take one. */
  readonly effort: string
  /** Budget for other models, in tokens. Also added to `max_tokens` if the caller sets none. */
  readonly budget: number
}

/** https://platform.claude.com/docs/en/build-with-claude/effort */
const amounts: Readonly<Partial<Record<ReasoningEffort, Amount>>> = {
  [MINIMAL]: { effort: 'low', budget: 1024 },
  [LOW]: { effort: 'low', budget: 2048 },
  [MEDIUM]: { effort: 'medium', budget: 8192 },
  [HIGH]: { effort: 'high', budget: 16384 },
}

/** Smallest budget that the vendor takes, in tokens. */
const MIN_BUDGET = 1024
/** Share of `max_tokens` that thinking may use, so that tokens are left for the response. */
const SHARE = 3 / 4

/** Settings for thinking, in the vendor's fields. */
export interface Thinking {
  /** Field `thinking`; undefined leaves it to the vendor. */
  readonly config?: JsonFields
  /** `output_config.effort` */
  readonly effort?: string
  /** Whether it was turned on. */
  readonly isOn: boolean
  /** Tokens that thinking is expected to take. */
  readonly room: number
}

const LEFT_TO_THE_VENDOR: Thinking = { isOn: false, room: 0 }

export interface ThinkingQuestion {
  readonly request: ChatRequest
  readonly traits: ModelTraits
  /** Undefined if nobody has set it. */
  readonly maxTokens: number | undefined
  /** Whether the model is forced to call a tool. */
  readonly isForced: boolean
  /** Whether the model continues a response. */
  readonly isBegun: boolean
  leaveOut(field: string, why: string): void
}

export function thinkingOf(question: ThinkingQuestion): Thinking {
  const { request, traits, leaveOut } = question
  const amount = request.reasoning?.amount
  if (amount?.case === undefined || (amount.case === 'effort' && amount.value === UNSPECIFIED)) {
    return LEFT_TO_THE_VENDOR
  }
  if (amount.value === (amount.case === 'effort' ? NONE : 0)) return turnedOff(question)
  const obstacle = obstacleTo(question)
  if (obstacle !== undefined) {
    leaveOut('reasoning', obstacle)
    return LEFT_TO_THE_VENDOR
  }
  const takesEffort = traits.thinking === 'by effort' || amount.case === 'effort'
  return traits.thinking !== 'by budget' && takesEffort ? byEffort(amount, leaveOut) : byBudget(amount, question)
}

function turnedOff({ traits, leaveOut }: ThinkingQuestion): Thinking {
  switch (traits.thinkingOff) {
    case 'is off':
      return LEFT_TO_THE_VENDOR
    case 'never':
      leaveOut('reasoning', 'the model always thinks; it is asked for the least effort')
      return { effort: 'low', isOn: false, room: 0 }
    default:
      return { config: { type: traits.thinkingOff }, isOn: false, room: 0 }
  }
}

/** Reason why the model cannot think in this request. */
function obstacleTo({ request, traits, isForced, isBegun }: ThinkingQuestion): string | undefined {
  if (traits.thinking === 'not at all') return 'the model does not think'
  if (isForced && traits.forcedTools === 'without thinking') return 'the model does not think where it must call a tool'
  if (isBegun) return 'the model does not think where it continues an answer'
  if (traits.thinking === 'by budget' && isWithoutThought(request.messages)) {
    return 'the tool calls that are being answered were made without the thinking of this vendor'
  }
  return undefined
}

/**
 * Whether the conversation ends with results of tool calls without thinking before them. The vendor refuses thinking in
 * a turn that began without it, for example at another vendor.
 */
function isWithoutThought(messages: readonly Message[]): boolean {
  const last = messages.findLastIndex(({ role }) => role === Role.ASSISTANT)
  if (!messages.slice(last + 1).some(({ role }) => role === Role.TOOL)) return false
  return !messages[last]?.reasoning.some(({ signature, redacted }) => isOwn(redacted || signature))
}

/** Whether a signature or an encrypted block may be from this vendor. */
export function isOwn(secret: string): boolean {
  const maker = makerOf(secret)
  return maker !== undefined && maker !== 'google' && maker !== 'openai'
}

type GivenAmount = Exclude<ReasoningConfig['amount'], { case: undefined }>

function byEffort(amount: GivenAmount, leaveOut: ThinkingQuestion['leaveOut']): Thinking {
  // Newer models return the text of their thinking only on request.
  const config = { type: 'adaptive', display: 'summarized' }
  if (amount.case === 'budgetTokens') {
    leaveOut('reasoning.budget_tokens', 'the model takes an effort only')
    return { config, isOn: true, room: Math.min(amount.value, amounts[HIGH]?.budget ?? 0) }
  }
  const { effort, budget } = amounts[amount.value] ?? {}
  return { config, ...(effort !== undefined && { effort }), isOn: true, room: budget ?? 0 }
}

/** The budget is part of `max_tokens` and must be smaller. */
function byBudget(amount: GivenAmount, { maxTokens = Number.POSITIVE_INFINITY, leaveOut }: ThinkingQuestion): Thinking {
  const isEffort = amount.case === 'effort'
  const wanted = isEffort ? (amounts[amount.value]?.budget ?? 0) : amount.value
  const budget = Math.min(wanted, isEffort ? Math.floor(maxTokens * SHARE) : maxTokens - 1)
  if (budget >= MIN_BUDGET) {
    return { config: { type: 'enabled', budget_tokens: budget }, isOn: true, room: budget }
  }
  const field = isEffort ? 'reasoning' : 'reasoning.budget_tokens'
  leaveOut(field, `thinking takes ${MIN_BUDGET} tokens or more, and max_tokens more than that`)
  return LEFT_TO_THE_VENDOR
}
