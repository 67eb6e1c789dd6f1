import type { Defaults } from '../../../domain/call.ts'
import { unsupported } from '../../../domain/error.ts'
import {
  type ChatRequest,
  type JsonSchemaFormat,
  type ReasoningConfig,
  ReasoningEffort,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from '../../../domain/types.ts'
import type { UpstreamRequest, WireContext } from '../../define.ts'
import type { Efforts, ModelQuirks, OpenAiDialect, TuningField } from './dialect.ts'
import { encodeMessages } from './messages.ts'

type Context = WireContext & { readonly stream: boolean; readonly defaults: Defaults }
type Fields = Record<string, unknown>

const { MINIMAL, LOW } = ReasoningEffort

/**
 * The request for one answer. Throws UNSUPPORTED for content, tools and formats that the vendor cannot carry.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export function encodeChat(request: ChatRequest, context: Context, dialect: OpenAiDialect): UpstreamRequest {
  const { model, stream, extra, options } = context
  const quirks = dialect.quirks(model)
  const leaveOut = (field: string, why: string): void => context.leaveOut(field, why)
  const fields: Fields = { model, messages: encodeMessages(request.messages, dialect, leaveOut) }
  if (stream) {
    fields['stream'] = true
    if (dialect.streamUsage(options)) fields['stream_options'] = { include_usage: true }
  }
  addTuning(fields, request, context, dialect, quirks)
  addThinking(fields, request.reasoning, context, dialect, quirks)
  const schemas = { ...encodeTools(fields, request, dialect), ...encodeFormat(fields, request, dialect) }
  return {
    path: dialect.paths.chat(model, options),
    headers: dialect.headers(options),
    body: bodyOf({ ...fields, ...quirks.fields }, schemas, extra),
  }
}

/**
 * `spliced` are fields that are JSON text already: parsing and writing them anew would change the order of their
 * properties where names look like numbers, and models follow that order. `extra` wins.
 */
function bodyOf(fields: Fields, spliced: Readonly<Record<string, string>>, extra: WireContext['extra']): string {
  let body = JSON.stringify({ ...fields, ...extra })
  for (const [name, json] of Object.entries(spliced)) {
    if (!Object.hasOwn(extra, name)) body = `${body.slice(0, -1)},"${name}":${json}}`
  }
  return body
}

function addTuning(
  fields: Fields,
  request: ChatRequest,
  { defaults, leaveOut }: Context,
  dialect: OpenAiDialect,
  quirks: ModelQuirks,
): void {
  const maxTokens = request.maxTokens ?? defaults.maxTokens
  if (maxTokens !== undefined) fields[quirks.maxTokens ?? dialect.maxTokens] = maxTokens
  for (const [field, value] of tuningOf(request)) {
    if (value === undefined) continue
    const name = quirks.refused?.includes(field) ? undefined : dialect.tuning[field]
    if (name !== undefined) fields[name] = value
    else if (value !== neutral[field]) leaveOut(field, 'the model does not take it')
  }
  const name = quirks.refused?.includes('temperature') ? undefined : dialect.tuning.temperature
  if (request.temperature === undefined && defaults.temperature !== undefined && name !== undefined) {
    fields[name] = defaults.temperature
  }
}

function tuningOf(request: ChatRequest): readonly (readonly [TuningField, unknown])[] {
  const parallel = request.tools.length > 0 ? request.parallelToolCalls : undefined
  return [
    ['temperature', request.temperature],
    ['top_p', request.topP],
    ['top_k', request.topK],
    ['stop', request.stop.length > 0 ? request.stop : undefined],
    // Within +-(2^53 - 1), as the contract says.
    ['seed', request.seed === undefined ? undefined : Number(request.seed)],
    ['frequency_penalty', request.frequencyPenalty],
    ['presence_penalty', request.presencePenalty],
    ['parallel_tool_calls', parallel],
  ]
}

/** Values that say what is done anyway: leaving them out changes nothing. */
const neutral: Readonly<Partial<Record<TuningField, unknown>>> = {
  temperature: 1,
  top_p: 1,
  frequency_penalty: 0,
  presence_penalty: 0,
  parallel_tool_calls: true,
}

function addThinking(
  fields: Fields,
  reasoning: ReasoningConfig | undefined,
  { leaveOut }: Context,
  dialect: OpenAiDialect,
  quirks: ModelQuirks,
): void {
  const amount = reasoning?.amount
  if (amount?.case === 'budgetTokens' && amount.value > 0) {
    if (dialect.thinking === 'reasoning') fields['reasoning'] = { max_tokens: amount.value }
    else leaveOut('reasoning.budget_tokens', 'the vendor takes an effort only')
    return
  }
  if (amount?.case === undefined) return
  const effort = amount.case === 'effort' ? amount.value : ReasoningEffort.NONE
  const word = wordFor(effort, quirks.efforts ?? dialect.efforts, quirks.alwaysThinks ?? false, leaveOut)
  if (word === undefined) return
  if (dialect.thinking === 'reasoning') fields['reasoning'] = { effort: word }
  else fields['reasoning_effort'] = word
}

/** The vendor's word for an amount of thinking; undefined where it cannot be told. */
function wordFor(
  effort: ReasoningEffort,
  efforts: Efforts,
  alwaysThinks: boolean,
  leaveOut: WireContext['leaveOut'],
): string | undefined {
  const word = efforts[effort]
  if (word !== undefined) return word
  const least = alwaysThinks && effort === ReasoningEffort.NONE ? (efforts[MINIMAL] ?? efforts[LOW]) : undefined
  if (least === undefined) leaveOut('reasoning', 'the model does not take this amount')
  else leaveOut('reasoning', 'the model always thinks; it is asked to think as little as it can')
  return least
}

function encodeTools(fields: Fields, request: ChatRequest, dialect: OpenAiDialect): Record<string, string> {
  if (request.tools.length === 0) return {}
  if (!dialect.tools) throw unsupported('tools', 'the target has no tools')
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
