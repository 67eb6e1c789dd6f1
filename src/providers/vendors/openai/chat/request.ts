import type { Defaults } from '../../../../domain/calls/call.ts'
import { unsupported } from '../../../../domain/errors/error.ts'
import {
  type ChatRequest,
  type JsonSchemaFormat,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from '../../../../domain/types.ts'
import type { UpstreamRequest, WireContext } from '../../../define.ts'
import type { OpenAiDialect } from '../dialect.ts'
import { rulesOf } from '../models.ts'
import { type Thinking, thinkingOf } from '../thinking.ts'
import { checkTools, tuningFields } from '../tuning.ts'
import { jsonBody } from './body.ts'
import { encodeMessages } from './messages.ts'

type Context = WireContext & { readonly stream: boolean; readonly defaults: Defaults }
type Fields = Record<string, unknown>

/**
 * The request for one response. Throws UNSUPPORTED for content, tools and formats that the vendor cannot carry.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export function encodeChat(request: ChatRequest, context: Context, dialect: OpenAiDialect): UpstreamRequest {
  const { model, stream, extra, options } = context
  const leaveOut = (field: string, why: string): void => context.leaveOut(field, why)
  const rules = rulesOf(dialect, model, options, context.overrides)
  checkTools(request, dialect, rules)
  const fields: Fields = { model, messages: encodeMessages(request.messages, dialect, rules, leaveOut) }
  if (stream) {
    fields['stream'] = true
    if (dialect.streamUsage(options)) fields['stream_options'] = { include_usage: true }
  }
  const thinking = thinkingOf(request, rules, dialect, leaveOut)
  const tokenField = rules.tokenField ?? dialect.tokenField
  Object.assign(fields, tuningFields(request, context, { taken: dialect.tuning, tokenField, rules, thinking }))
  addThinking(fields, thinking, dialect)
  const schemas = { ...encodeTools(fields, request, dialect), ...encodeFormat(fields, request, dialect) }
  return {
    path: dialect.paths.chat(model, options),
    headers: dialect.headers(options),
    body: jsonBody({ ...fields, ...rules.fields }, schemas, extra),
  }
}

function addThinking(fields: Fields, { effort, budget }: Thinking, { thinking }: OpenAiDialect): void {
  if (thinking === 'reasoning') {
    if (budget !== undefined) fields['reasoning'] = { max_tokens: budget }
    else if (effort !== undefined) fields['reasoning'] = { effort }
  } else if (effort !== undefined) fields['reasoning_effort'] = effort
}

function encodeTools(fields: Fields, request: ChatRequest, dialect: OpenAiDialect): Record<string, string> {
  if (request.tools.length === 0) return {}
  if (request.toolChoice) fields['tool_choice'] = toolChoice(request.toolChoice, dialect)
  return { tools: `[${request.tools.map(toolJson).join(',')}]` }
}

function toolJson({ name, description, parameters, strict }: Tool): string {
  const head = JSON.stringify({
    name,
    ...(description !== '' && { description }),
    ...(strict !== undefined && { strict }),
  })
  const schema = parameters === '' ? '{"type":"object","properties":{}}' : parameters
  return `{"type":"function","function":${head.slice(0, -1)},"parameters":${schema}}}`
}

function toolChoice({ choice }: ToolChoice, dialect: OpenAiDialect): unknown {
  if (choice.case === 'name') return { type: 'function', function: { name: choice.value } }
  if (choice.value === ToolChoiceMode.REQUIRED) return dialect.toolRequired
  return choice.value === ToolChoiceMode.NONE ? 'none' : 'auto'
}

function encodeFormat(fields: Fields, request: ChatRequest, dialect: OpenAiDialect): Record<string, string> {
  const format = request.responseFormat?.format
  if (format?.case === 'jsonObject') {
    if (!dialect.formats.includes('json_object')) {
      throw unsupported('response_format.json_object', 'the target needs a schema')
    }
    fields['response_format'] = { type: 'json_object' }
  }
  if (format?.case !== 'jsonSchema') return {}
  if (!dialect.formats.includes('json_schema')) {
    throw unsupported('response_format.json_schema', 'the target cannot follow a schema')
  }
  return { response_format: `{"type":"json_schema","json_schema":${schemaJson(format.value)}}` }
}

function schemaJson({ name, description, schema, strict }: JsonSchemaFormat): string {
  const head = JSON.stringify({
    name: name || 'response',
    ...(description !== '' && { description }),
    ...(strict !== undefined && { strict }),
  })
  return `${head.slice(0, -1)},"schema":${schema}}`
}
