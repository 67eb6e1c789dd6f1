import type { AttemptCharge } from '../../domain/calls/call-record.ts'
import type { Payment } from '../../domain/calls/facts.ts'
import type { Usage } from '../../domain/types.ts'

/**
 * Divides the charge of an attempt among the calls that paid for it in turn. The input is paid first, so its tokens are
 * in the first part; output tokens follow the cost of the output.
 */
export function divideCharge(charge: AttemptCharge, payments: readonly Payment[]): readonly AttemptCharge[] {
  if (payments.length < 2) return [charge]
  const { cost, usage } = charge
  let unpaidInput = cost?.input ?? 0
  let paidOutput = 0
  let counted = tokensUpTo(usage, 0)
  return payments.map(({ nano }, index) => {
    const input = Math.min(nano, unpaidInput)
    const output = nano - input
    unpaidInput -= input
    paidOutput += output
    const isLast = index === payments.length - 1
    const upTo = tokensUpTo(usage, isLast ? 1 : paidOutput / (cost?.output || 1))
    const part = usage && partOf(usage, index === 0, upTo.output - counted.output, upTo.reasoning - counted.reasoning)
    counted = upTo
    return { ...charge, usage: part, cost: cost && { ...cost, input, output } }
  })
}

/** Tokens of the output up to a part of it, from 0 to 1. */
function tokensUpTo(usage: Usage | undefined, part: number) {
  return {
    output: Math.floor((usage?.output ?? 0) * part),
    reasoning: Math.floor((usage?.reasoning ?? 0) * part),
  }
}

function partOf(usage: Usage, hasInput: boolean, output: number, reasoning: number): Usage {
  const { $typeName, estimated } = usage
  const counts = hasInput ? usage : { $typeName, estimated, input: 0 }
  const part: Usage = { ...counts, output, total: (counts.input ?? 0) + output }
  if (usage.reasoning !== undefined) part.reasoning = reasoning
  return part
}
