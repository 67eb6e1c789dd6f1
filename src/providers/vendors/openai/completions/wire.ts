import type { CompleteWire } from '../../../define.ts'
import { OpenAiDecoder } from '../chat/reply.ts'
import type { CompletionsDialect, OpenAiDialect } from '../dialect.ts'
import { rulesOf } from '../models.ts'
import { encodeInfill, InfillDecoder } from './infill.ts'
import { encodeCompletion } from './request.ts'

/** The endpoint for text completion. Its replies differ from those of chats in where the text stands. */
export function completionsWire(dialect: OpenAiDialect, completions: CompletionsDialect): CompleteWire {
  return {
    takes({ model, options, overrides }) {
      const rules = rulesOf(dialect, model, options, overrides)
      return (rules.completions ?? completions.usual) === 'native'
    },
    prepare(request, context) {
      if (request.suffix !== '' && completions.suffix === 'infill') {
        const encoded = encodeInfill(request, context, { dialect, completions })
        return { encoded, format: { decoder: (sink) => new InfillDecoder(sink) } }
      }
      const encoded = encodeCompletion(request, context, { dialect, completions })
      return { encoded, format: { decoder: (sink) => new OpenAiDecoder(sink, true) } }
    },
  }
}
