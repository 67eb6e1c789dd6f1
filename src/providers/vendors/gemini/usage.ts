import type { Usage } from '../../../domain/types.ts'
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
