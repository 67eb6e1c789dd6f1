import { GatewayError } from '../../../domain/errors/error.ts'
import type { Wire } from '../../define.ts'
import { fieldsOf, textOf } from '../json.ts'
import { readError } from '../openai/error.ts'
import { embed } from './embed.ts'
import { complete } from './generate.ts'
import { pull } from './pull.ts'
import { OllamaDecoder } from './reply.ts'
import { encodeChat } from './request.ts'

/**
 * Ollama's own API. Its OpenAI-like API has neither its options (`num_ctx` ...) nor `keep_alive`.
 * https://docs.ollama.com/api
 */
export const ollamaWire: Wire = {
  chat: {
    encode: encodeChat,
    decoder: (sink) => new OllamaDecoder(sink),
    streamFraming: 'ndjson',
  },
  complete,
  embed,
  pull,
  models: {
    request: () => ({ path: '/api/tags' }),
    decode: decodeModels,
  },
  // `{error: "text"}`, with a `status` in a stream of newer servers: which OpenAI-like vendors write too.
  readError,
}

/** Pulled models. https://docs.ollama.com/api/tags */
function decodeModels(body: unknown): readonly string[] {
  const { models } = fieldsOf(body)
  if (!Array.isArray(models)) {
    throw new GatewayError('UPSTREAM_MALFORMED', 'The upstream sent no list of models.', { fallback: true })
  }
  return models
    .map((model) => textOf(fieldsOf(model)['model']) || textOf(fieldsOf(model)['name']))
    .filter((id) => id !== '')
}
