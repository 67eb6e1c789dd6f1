import { GatewayError } from '../../../domain/errors/error.ts'
import type { ChatWire, Wire } from '../../define.ts'
import { fieldsOf, listOf, textOf } from '../json.ts'
import { OpenAiDecoder } from './chat/reply.ts'
import { encodeChat } from './chat/request.ts'
import { completionsWire } from './completions/wire.ts'
import type { OpenAiDialect } from './dialect.ts'
import { embedWire } from './embed.ts'
import { readError } from './error.ts'
import { apiFor } from './responses/choose.ts'
import { responsesWire } from './responses/wire.ts'

/**
 * OpenAI's Chat Completions API and the family of servers that speak it in their own dialects. Some of them speak the
 * Responses API too. https://platform.openai.com/docs/api-reference/chat
 */
export function openAiWire(dialect: OpenAiDialect): Wire {
  const chat: ChatWire = {
    encode: (request, context) => encodeChat(request, context, dialect),
    decoder: (sink) => new OpenAiDecoder(sink),
  }
  const responses = dialect.responses && responsesWire(dialect, dialect.responses)
  return {
    chat,
    ...(responses && {
      chooseChat: (request, context) => (apiFor(request, context, dialect) === 'responses' ? responses : chat),
    }),
    ...(dialect.completions && { complete: completionsWire(dialect, dialect.completions) }),
    ...(responses && { responses }),
    ...(dialect.count && { count: dialect.count }),
    ...(dialect.embed && { embed: embedWire(dialect, dialect.embed) }),
    models: {
      request: (options) => ({ path: dialect.paths.models(options) }),
      decode: decodeModels,
    },
    readError,
  }
}

/** `{data: [{id}]}`, or at Together the list alone. https://platform.openai.com/docs/api-reference/models/list */
function decodeModels(body: unknown): readonly string[] {
  const list = Array.isArray(body) ? body : fieldsOf(body)['data']
  if (!Array.isArray(list)) {
    throw new GatewayError('UPSTREAM_MALFORMED', 'The upstream sent no list of models.', { fallback: true })
  }
  return listOf(list)
    .map((model) => textOf(fieldsOf(model)['id']))
    .filter((id) => id !== '')
}
