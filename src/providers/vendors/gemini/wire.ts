import { GatewayError } from '../../../domain/errors/error.ts'
import type { Wire } from '../../define.ts'
import { fieldsOf, textOf } from '../json.ts'
import { geminiCounter } from '../token-counters.ts'
import { embed } from './embed.ts'
import { readError } from './error.ts'
import { GeminiDecoder } from './reply/reply.ts'
import { encodeChat, modelId } from './request/request.ts'

/** Google's Gemini API. https://ai.google.dev/api */
export const geminiWire: Wire = {
  chat: {
    encode: encodeChat,
    decoder: (sink) => new GeminiDecoder(sink),
  },
  embed,
  count: geminiCounter,
  models: {
    // Largest page; about fifty models are listed today. https://ai.google.dev/api/models#method:-models.list
    request: () => ({ path: '/models?pageSize=1000' }),
    decode: decodeModels,
  },
  readError,
}

function decodeModels(body: unknown): readonly string[] {
  const { models } = fieldsOf(body)
  if (!Array.isArray(models)) {
    throw new GatewayError('UPSTREAM_MALFORMED', 'The upstream sent no list of models.', { fallback: true })
  }
  return models.map((model) => modelId(textOf(fieldsOf(model)['name']))).filter((id) => id !== '')
}
