import type { ChatContext, ChatWire } from '../../../define.ts'
import type { OpenAiDialect, ResponsesDialect } from '../dialect.ts'
import { ResponsesDecoder } from './reply.ts'
import { encodeResponses } from './request.ts'

/** OpenAI's Responses API. https://platform.openai.com/docs/api-reference/responses */
export function responsesWire(dialect: OpenAiDialect, responses: ResponsesDialect): ChatWire {
  return {
    encode: (request, context: ChatContext) => encodeResponses(request, context, dialect, responses),
    decoder: (sink) => new ResponsesDecoder(sink),
  }
}
