import { unsupported } from '../../../../domain/errors/error.ts'
import type { CompleteRequest } from '../../../../domain/types.ts'
import type { ChatContext, UpstreamRequest } from '../../../define.ts'
import { chatOf } from '../../../prompt-as-chat.ts'
import { jsonBody } from '../chat/body.ts'
import type { CompletionsDialect, OpenAiDialect } from '../dialect.ts'
import { rulesOf } from '../models.ts'
import { tuningFields } from '../tuning.ts'

export interface Dialects {
  readonly dialect: OpenAiDialect
  readonly completions: CompletionsDialect
}

/**
 * The request for one completion. Throws UNSUPPORTED for a suffix that the vendor does not take.
 * https://platform.openai.com/docs/api-reference/completions/create
 */
export function encodeCompletion(request: CompleteRequest, context: ChatContext, dialects: Dialects): UpstreamRequest {
  const { dialect, completions } = dialects
  const { model, stream, extra, options } = context
  const { prompt, suffix } = request
  if (suffix !== '' && completions.suffix !== 'field')
    throw unsupported('suffix', 'the target cannot fill in the middle')
  const fields = {
    model,
    prompt,
    ...(suffix !== '' && { suffix }),
    ...(stream && { stream: true }),
    ...(stream && dialect.streamUsage(options) && { stream_options: { include_usage: true } }),
    ...sampling(request, context, dialects, 'max_tokens'),
  }
  return {
    path: completions.path(model, options),
    ...(completions.base && { base: completions.base }),
    headers: dialect.headers(options),
    body: jsonBody(fields, {}, extra),
  }
}

/** The tuning fields by the vendor's names. Those that the model does not take are left out. */
export function sampling(
  request: CompleteRequest,
  context: ChatContext,
  { dialect, completions }: Dialects,
  tokenField: string,
): Record<string, unknown> {
  const rules = rulesOf(dialect, context.model, context.options, context.overrides)
  const thinking = { isOn: false }
  return tuningFields(chatOf(request), context, { taken: completions.tuning, tokenField, rules, thinking })
}
