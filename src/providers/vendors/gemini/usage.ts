import { FinishReason, type Usage } from '../../../domain/types.ts'
import { usageFrom } from '../../prices/usage.ts'
import { countOf, type JsonFields } from '../json.ts'

/**
 * The tokens of an answer; undefined where none are reported. Thoughts are generated but not among the candidates'
 * tokens, the results of the vendor's own tools are read but not among the prompt's.
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function readUsage(reported: JsonFields): Usage | undefined {
  return usageFrom({
    input: sumOf(reported['promptTokenCount'], reported['toolUsePromptTokenCount']),
    output: sumOf(reported['candidatesTokenCount'], reported['thoughtsTokenCount']),
    cachedInput: reported['cachedContentTokenCount'],
    reasoning: reported['thoughtsTokenCount'],
    total: reported['totalTokenCount'],
  })
}

/** Of what is reported; nonsense stays nonsense, to be told as such. */
function sumOf(...reported: readonly unknown[]): unknown {
  const counts = reported.filter((count) => count !== undefined && count !== null)
  if (counts.length < 2) return counts[0]
  return (
    counts.find((count) => countOf(count) === undefined) ??
    counts.reduce((sum: number, count) => sum + Number(count), 0)
  )
}

/** https://ai.google.dev/api/generate-content#FinishReason */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  STOP: FinishReason.STOP,
  MAX_TOKENS: FinishReason.LENGTH,
  SAFETY: FinishReason.CONTENT_FILTER,
  RECITATION: FinishReason.CONTENT_FILTER,
  BLOCKLIST: FinishReason.CONTENT_FILTER,
  PROHIBITED_CONTENT: FinishReason.CONTENT_FILTER,
  SPII: FinishReason.CONTENT_FILTER,
  IMAGE_SAFETY: FinishReason.CONTENT_FILTER,
  IMAGE_PROHIBITED_CONTENT: FinishReason.CONTENT_FILTER,
  IMAGE_RECITATION: FinishReason.CONTENT_FILTER,
  MODEL_ARMOR: FinishReason.CONTENT_FILTER,
}

/** What the vendor's word for the end means. A call that went wrong in the making is none of the reasons known. */
export function finishReasonOf(raw: string): FinishReason {
  return (Object.hasOwn(finishReasons, raw) ? finishReasons[raw] : undefined) ?? FinishReason.OTHER
}
