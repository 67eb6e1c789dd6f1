import { GatewayError } from '../../../domain/errors/error.ts'
import type { EmbedReply, EmbedWire } from '../../define.ts'
import { usageFrom } from '../../prices/usage.ts'
import { fieldsOf, listOf } from '../json.ts'
import { modelId, modelPath } from './request/request.ts'

/**
 * Embeddings. `provider_options` such as `taskType` go to each input. https://ai.google.dev/api/embeddings
 */
export const embed: EmbedWire = {
  // https://ai.google.dev/api/embeddings#method:-models.batchembedcontents
  limits: { inputs: 100 },
  encode({ dimensions }, inputs, { model, extra }) {
    const requests = inputs.map((text) => ({
      model: `models/${modelId(model)}`,
      content: { parts: [{ text }] },
      ...(dimensions !== undefined && { outputDimensionality: dimensions }),
      ...extra,
    }))
    return { path: `${modelPath(model)}:batchEmbedContents`, body: JSON.stringify({ requests }) }
  },
  decode,
}

function decode(body: unknown): EmbedReply {
  const { embeddings, usageMetadata } = fieldsOf(body)
  const vectors = listOf(embeddings).map((embedding) => fieldsOf(embedding)['values'])
  const [first] = vectors
  if (!vectors.every(isVector) || !isVector(first)) {
    throw malformed('The upstream sent no vectors, or values that are not numbers.')
  }
  if (vectors.some(({ length }) => length !== first.length)) {
    throw malformed('The upstream sent vectors of different lengths.')
  }
  const { promptTokenCount: input, totalTokenCount: total } = fieldsOf(usageMetadata)
  return { vectors, usage: usageFrom({ input, total }), model: '' }
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(isFloat)
}

/** Whether a value fits the contract's `float`. */
function isFloat(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(Math.fround(value))
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
