import { GatewayError } from '../../../domain/errors/error.ts'
import type { Wire } from '../../define.ts'
import { fieldsOf, textOf } from '../json.ts'
import { readError } from '../openai/error.ts'
import { anthropicCounter } from '../token-counters.ts'
import { AnthropicDecoder } from './reply.ts'
import { encodeChat, VERSION } from './request.ts'

/** Anthropic's Messages API. There are no embeddings. https://platform.claude.com/docs/en/api/messages */
export const anthropicWire: Wire = {
  chat: {
    encode: encodeChat,
    decoder: (sink) => new AnthropicDecoder(sink),
  },
  count: anthropicCounter,
  models: {
    request: () => ({ path: '/v1/models?limit=1000', headers: VERSION }),
    decode: decodeModels,
  },
  // `{type: "error", error: {type, message}}`, which OpenAI-like vendors write too.
  readError,
}

/** https://platform.claude.com/docs/en/api/models/list */
function decodeModels(body: unknown): readonly string[] {
  const { data } = fieldsOf(body)
  if (!Array.isArray(data)) {
    throw new GatewayError('UPSTREAM_MALFORMED', 'The upstream sent no list of models.', { fallback: true })
  }
  return data.map((model) => textOf(fieldsOf(model)['id'])).filter((id) => id !== '')
}
