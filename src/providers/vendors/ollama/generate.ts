import { unsupported } from '../../../domain/errors/error.ts'
import type { CompleteRequest } from '../../../domain/types.ts'
import type { ChatContext, CompleteWire, UpstreamRequest } from '../../define.ts'
import { bodyFields } from './options.ts'
import { OllamaDecoder } from './reply.ts'
import { tuningOf } from './request.ts'

/** https://docs.ollama.com/api/generate */
export const complete: CompleteWire = {
  takes: ({ overrides }) => overrides.completions !== 'chat',
  prepare: (request, context) => ({
    encoded: encodeGenerate(request, context),
    format: { decoder: (sink) => new OllamaDecoder(sink), streamFraming: 'ndjson' },
  }),
}

function encodeGenerate(request: CompleteRequest, context: ChatContext): UpstreamRequest {
  const { prompt, suffix } = request
  // Without a prompt the server loads the model and answers nothing.
  if (prompt === '') throw unsupported('prompt', 'the target needs a text before the gap')
  const fields = {
    model: context.model,
    prompt,
    ...(suffix !== '' && { suffix }),
    // Ollama streams by default.
    stream: context.stream,
    ...bodyFields(context, tuningOf(request, context.defaults)),
  }
  return { path: '/api/generate', body: JSON.stringify(fields) }
}
