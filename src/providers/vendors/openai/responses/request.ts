import type { ChatRequest } from '../../../../domain/types.ts'
import type { ChatContext, UpstreamRequest } from '../../../define.ts'
import { fieldsOf, type JsonFields, objectJson } from '../../json.ts'
import type { OpenAiDialect, OpenAiRules, Options, ResponsesDialect } from '../dialect.ts'
import { rulesOf } from '../models.ts'
import { type Thinking, wantedThinking } from '../thinking.ts'
import { checkTools, tuningFields } from '../tuning.ts'
import { encodeInput } from './input.ts'
import { formatJson, toolChoice, toolsJson } from './tools.ts'

type LeaveOut = ChatContext['leaveOut']

/**
 * The request for one response, which the vendor does not store. Throws UNSUPPORTED for content, tools and formats that
 * it cannot carry. `provider_options` are merged last; `reasoning` and `text` field by field.
 * https://platform.openai.com/docs/api-reference/responses/create
 */
export function encodeResponses(
  request: ChatRequest,
  context: ChatContext,
  dialect: OpenAiDialect,
  responses: ResponsesDialect,
): UpstreamRequest {
  const { model, stream, extra, options } = context
  const leaveOut: LeaveOut = (field, why) => context.leaveOut(field, why)
  const rules = rulesOf(dialect, model, options, context.overrides)
  checkTools(request, dialect, rules)
  const thinking = wantedThinking(request, rules, dialect, leaveOut)
  const { instructions, items } = encodeInput(request.messages, { dialect, responses, rules, leaveOut })
  const target = { taken: responses.tuning, tokenField: TOKEN_FIELD, rules, thinking }
  const { reasoning: extraReasoning, text: extraText, ...others } = extra
  const reasoning = { ...reasoningOf(thinking, options), ...fieldsOf(extraReasoning) }
  const fields = {
    model: responses.modelField?.(model, options) ?? model,
    ...(instructions !== '' && { instructions }),
    input: items,
    store: false,
    ...(stream && { stream }),
    ...withEnoughTokens(tuningFields(request, context, target), responses, leaveOut),
    ...(Object.keys(reasoning).length > 0 && { reasoning }),
    ...(isEncrypted(responses, rules) && { include: ['reasoning.encrypted_content'] }),
    ...(request.tools.length > 0 && request.toolChoice && { tool_choice: toolChoice(request.toolChoice) }),
    ...others,
  }
  const text = textJson(request, fieldsOf(extraText), dialect)
  return {
    path: responses.path,
    headers: dialect.headers(options),
    body: objectJson(fields, {
      ...(request.tools.length > 0 && { tools: toolsJson(request.tools) }),
      ...(text !== undefined && { text }),
    }),
  }
}

const TOKEN_FIELD = 'max_output_tokens'

/** Models that do not think answer the request for encrypted reasoning with an error. */
function isEncrypted({ encrypted }: ResponsesDialect, { thinksByDefault }: OpenAiRules): boolean {
  return encrypted === 'all' || (encrypted === 'those that think' && thinksByDefault !== undefined)
}

function reasoningOf({ effort, budget, isOn }: Thinking, { reasoning_summary: summary }: Options): JsonFields {
  return {
    ...(effort !== undefined && { effort }),
    ...(budget !== undefined && { max_tokens: budget }),
    ...(isOn && typeof summary === 'string' && { summary }),
  }
}

/** The API refuses a limit below its least one. */
function withEnoughTokens(fields: JsonFields, { minTokens }: ResponsesDialect, leaveOut: LeaveOut): JsonFields {
  const wanted = fields[TOKEN_FIELD]
  if (minTokens === undefined || typeof wanted !== 'number' || wanted >= minTokens) return fields
  leaveOut('max_tokens', `the API takes ${minTokens} or more; ${minTokens} is sent`)
  return { ...fields, [TOKEN_FIELD]: minTokens }
}

function textJson(request: ChatRequest, extra: JsonFields, dialect: OpenAiDialect): string | undefined {
  const format = Object.hasOwn(extra, 'format') ? undefined : formatJson(request.responseFormat, dialect)
  if (format === undefined && Object.keys(extra).length === 0) return undefined
  return objectJson(extra, format === undefined ? {} : { format })
}
