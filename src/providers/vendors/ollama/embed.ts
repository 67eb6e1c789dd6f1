import { GatewayError } from '../../../domain/error.ts'
import type { EmbedReply, EmbedWire } from '../../define.ts'
import { usageFrom } from '../../prices/usage.ts'
import { fieldsOf, listOf, textOf } from '../json.ts'
import { bodyFields } from './options.ts'

/**
 * Embeddings, normalised to the length 1. Inputs that are too long for the model are cut by Ollama, unless
 * `provider_options` say `truncate: false`. https://docs.ollama.com/api/embed
 */
export const embed: EmbedWire = {
  // It has no limit of its own; a reply has.
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
    throw malformed('The upstream answered without vectors, or with some that are not made of numbers.')
  }
  if (vectors.some(({ length }) => length !== first.length)) {
    throw malformed('The upstream sent vectors of different lengths.')
  }
  return { vectors, usage: usageFrom({ input: reply['prompt_eval_count'] }), model: textOf(reply['model']) }
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(isFloat)
}

/** Whether it fits the contract's `float`. */
function isFloat(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(Math.fround(value))
}

function malformed(message: string): GatewayError {
  return new GatewayError('UPSTREAM_MALFORMED', message, { fallback: true })
}
