import { GatewayError } from '../../../domain/errors/error.ts'
import type { EmbedReply, EmbedWire } from '../../define.ts'
import { usageFrom } from '../../prices/usage.ts'
import { fieldsOf, listOf, textOf } from '../json.ts'
import { bodyFields } from './options.ts'

/**
 * Embeddings of length 1. Ollama truncates inputs that are too long for the model unless `provider_options` has
 * `truncate: false`. https://docs.ollama.com/api/embed
 */
export const embed: EmbedWire = {
  // Ollama has no limit, but the size of a reply has one.
  limits: { inputs: 256 },
  encode({ dimensions }, inputs, context) {
    const fields = {
      model: context.model,
      input: inputs,
      ...(dimensions !== undefined && { dimensions }),
      ...bodyFields(context, {}),
    }
    return { path: '/api/embed', body: JSON.stringify(fields) }
  },
  decode,
}

function decode(body: unknown): EmbedReply {
  const reply = fieldsOf(body)
  const vectors = listOf(reply['embeddings'])
  const [first] = vectors
  if (!vectors.every(isVector) || !isVector(first)) {
    throw malformed('The upstream sent no vectors, or values that are not numbers.')
  }
  if (vectors.some(({ length }) => length !== first.length)) {
    throw malformed('The upstream sent vectors of different lengths.')
  }
  return { vectors, usage: usageFrom({ input: reply['prompt_eval_count'] }), model: textOf(reply['model']) }
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
