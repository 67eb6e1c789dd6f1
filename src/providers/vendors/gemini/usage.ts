import type { Usage } from '../../../domain/types.ts'
import { usageFrom } from '../../prices/usage.ts'
import { countOf, fieldsOf, type JsonFields, listOf } from '../json.ts'

/**
 * Token counts of a response; undefined if none are reported. Output is the sum of candidates and thoughts, input the
 * sum of the prompt and the results of the vendor's own tools.
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function readUsage(reported: JsonFields): Usage | undefined {
  return usageFrom({
    input: sumOf(reported['promptTokenCount'], reported['toolUsePromptTokenCount']),
    output: sumOf(reported['candidatesTokenCount'], reported['thoughtsTokenCount']),
    cachedInput: reported['cachedContentTokenCount'],
    reasoning: reported['thoughtsTokenCount'],
    total: reported['totalTokenCount'],
    inputAudio: countIn(reported['promptTokensDetails'], 'AUDIO'),
    inputImage: countIn(reported['promptTokensDetails'], 'IMAGE'),
    outputAudio: countIn(reported['candidatesTokensDetails'], 'AUDIO'),
    outputImage: countIn(reported['candidatesTokensDetails'], 'IMAGE'),
  })
}

/** Tokens of one modality. https://ai.google.dev/api/generate-content#ModalityTokenCount */
function countIn(details: unknown, modality: string): unknown {
  return listOf(details)
    .map(fieldsOf)
    .find((detail) => detail['modality'] === modality)?.['tokenCount']
}

/** Sum of the reported counts; the first invalid one is returned as it is, which marks the usage as estimated. */
function sumOf(...reported: readonly unknown[]): unknown {
  const counts = reported.filter((count) => count !== undefined && count !== null)
  if (counts.length < 2) return counts[0]
  return (
    counts.find((count) => countOf(count) === undefined) ??
    counts.reduce((sum: number, count) => sum + Number(count), 0)
  )
}
