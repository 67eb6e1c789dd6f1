import type { Defaults } from '../../../../domain/calls/call.ts'
import { unsupported } from '../../../../domain/errors/error.ts'
import {
  type ChatRequest,
  type JsonSchemaFormat,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from '../../../../domain/types.ts'
import type { UpstreamRequest, WireContext } from '../../../define.ts'
import { fieldsOf, isObject, type JsonFields, objectJson } from '../../json.ts'
import { type ModelTraits, traitsOf } from '../models.ts'
import { thinkingConfig } from '../thinking.ts'
import { encodeMessages } from './messages.ts'
import { readableSchema } from './schema.ts'

type Context = WireContext & { readonly stream: boolean; readonly defaults: Defaults }
type Fields = Record<string, unknown>
/** JSON texts by their fields. Parsing them would lose the order of properties, which models follow. */
type Texts = Readonly<Record<string, string>>

/** Largest seed: the vendor takes 32 bits. */
const LARGEST_SEED = 2n ** 31n
const SCHEMA = 'response_format.json_schema.schema'

/**
 * Encodes a chat request. Throws UNSUPPORTED for content, tools and formats that the model cannot carry.
 *
 * | field | encoded as |
 * |---|---|
 * | temperature, top_p, top_k, max_tokens, stop, seed | in generationConfig; five stops, a seed of 32 bits |
 * | frequency_penalty, presence_penalty | up to Gemini 2.0; later models answer them with an error |
 * | parallel_tool_calls | cannot be switched off |
 * | tools | functionDeclarations, their parameters as they are: it takes JSON Schema |
 * | tool_choice | AUTO, ANY, NONE; a name is ANY of that one; VALIDATED where a tool is strict |
 * | response_format | responseMimeType and responseJsonSchema, without what the vendor does not read in a schema |
 * | reasoning | thinkingConfig |
 * | provider_options | merged last, objects field by field |
 *
 * https://ai.google.dev/api/generate-content
 */
export function encodeChat(request: ChatRequest, context: Context): UpstreamRequest {
  const { model, stream, extra } = context
  const traits: ModelTraits = { ...traitsOf(modelId(model)), ...context.overrides }
  const leaveOut = (field: string, why: string): void => context.leaveOut(field, why)
  const { contents, systemInstruction } = encodeMessages(request.messages, traits, leaveOut)
  const { generationConfig, ...others } = merged(
    { generationConfig: configOf(request, context, traits), ...toolConfig(request) },
    extra,
  )
  const config = configJson(fieldsOf(generationConfig), schemaOf(request.responseFormat), leaveOut)
  const body = objectJson(others, {
    contents,
    ...(systemInstruction !== undefined && !Object.hasOwn(extra, 'systemInstruction') && { systemInstruction }),
    ...toolsJson(request.tools, traits),
    ...(config !== '{}' && { generationConfig: config }),
  })
  const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
  return { path: `${modelPath(model)}:${method}`, body }
}

/** Removes the vendor's prefix `models/` from an id. */
export function modelId(model: string): string {
  return model.replace(/^models\//, '')
}

export function modelPath(model: string): string {
  return `/models/${encodeURIComponent(modelId(model))}`
}

/** Merges objects field by field, so that one setting does not remove the others beside it. `extra` wins. */
function merged(fields: JsonFields, extra: JsonFields): JsonFields {
  const all: Fields = { ...fields }
  for (const [name, value] of Object.entries(extra)) {
    const before = all[name]
    all[name] = isObject(before) && isObject(value) ? merged(before, value) : value
  }
  return all
}

/** https://ai.google.dev/api/generate-content#generationconfig */
function configOf(request: ChatRequest, { defaults, leaveOut }: Context, traits: ModelTraits): Fields {
  const thinking = thinkingConfig(request.reasoning, traits.thinking, leaveOut)
  const maxOutputTokens = request.maxTokens ?? defaults.maxTokens
  return {
    ...samplingOf(request, defaults, traits, isThinking(thinking), leaveOut),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...limitsOf(request, traits, leaveOut),
    ...(thinking && { thinkingConfig: thinking }),
    ...formatOf(request, traits, leaveOut),
  }
}

function samplingOf(
  request: ChatRequest,
  defaults: Defaults,
  { sampling, penalties }: ModelTraits,
  isOn: boolean,
  leaveOut: WireContext['leaveOut'],
): Fields {
  const fields: Fields = {}
  const takes = sampling !== 'none' && !(sampling === 'without_thinking' && isOn)
  const takesTopP = takes && !(sampling === 'one' && request.temperature !== undefined)
  const send = (taken: boolean, field: string, name: string, value: unknown, neutral?: unknown): void => {
    if (value === undefined) return
    if (taken) fields[name] = value
    else if (value !== neutral) leaveOut(field, 'the model does not take it')
  }
  send(takes, 'temperature', 'temperature', request.temperature, 1)
  send(takesTopP, 'top_p', 'topP', request.topP)
  send(takes, 'top_k', 'topK', request.topK)
  send(penalties, 'frequency_penalty', 'frequencyPenalty', request.frequencyPenalty, 0)
  send(penalties, 'presence_penalty', 'presencePenalty', request.presencePenalty, 0)
  if (takes && request.temperature === undefined && defaults.temperature !== undefined) {
    fields['temperature'] = defaults.temperature
  }
  return fields
}

/** Whether the request asks the model to think. */
function isThinking(thinking: Fields | undefined): boolean {
  return thinking !== undefined && thinking['thinkingBudget'] !== 0
}

function limitsOf(
  { stop, seed, tools, parallelToolCalls }: ChatRequest,
  { maxStops = stop.length }: ModelTraits,
  leaveOut: WireContext['leaveOut'],
): Fields {
  if (stop.length > maxStops) leaveOut(`stop[${maxStops}]`, `the vendor takes the first ${maxStops} only`)
  if (tools.length > 0 && parallelToolCalls === false) {
    leaveOut('parallel_tool_calls', 'the vendor decides by itself')
  }
  const fits = seed !== undefined && seed >= -LARGEST_SEED && seed < LARGEST_SEED
  if (seed !== undefined && !fits) leaveOut('seed', 'the vendor takes 32 bits')
  return {
    ...(stop.length > 0 && maxStops > 0 && { stopSequences: stop.slice(0, maxStops) }),
    ...(fits && { seed: Number(seed) }),
  }
}

/** https://ai.google.dev/gemini-api/docs/structured-output */
function formatOf({ responseFormat, tools }: ChatRequest, traits: ModelTraits, leaveOut: WireContext['leaveOut']) {
  const format = responseFormat?.format
  if (format?.case !== 'jsonObject' && format?.case !== 'jsonSchema') return {}
  if (traits.json === 'never') throw unsupported('response_format', 'the model cannot be bound to JSON')
  if (traits.json === 'without tools' && tools.length > 0) {
    throw unsupported('response_format', 'the model cannot be bound to JSON where it has tools')
  }
  if (format.case === 'jsonSchema' && format.value.description !== '') {
    leaveOut('response_format.json_schema.description', 'the vendor takes the schema only: describe it there')
  }
  return { responseMimeType: 'application/json' }
}

function schemaOf(responseFormat: ResponseFormat | undefined): JsonSchemaFormat['schema'] | undefined {
  const format = responseFormat?.format
  return format?.case === 'jsonSchema' ? format.value.schema : undefined
}

/** A schema in `provider_options` replaces the one of the request. */
function configJson(config: JsonFields, schema: string | undefined, leaveOut: WireContext['leaveOut']): string {
  if (config['candidateCount'] !== undefined && config['candidateCount'] !== 1) {
    throw unsupported('provider_options.generationConfig.candidateCount', 'one answer is asked for')
  }
  const given = ['responseJsonSchema', 'responseSchema'].some((name) => Object.hasOwn(config, name))
  if (schema === undefined || given) return objectJson(config, {})
  const { json, lost } = readableSchema(schema)
  for (const keyword of lost) leaveOut(`${SCHEMA}.${keyword}`, 'the vendor does not read it there')
  return objectJson(config, { responseJsonSchema: json })
}

/** https://ai.google.dev/api/caching#FunctionDeclaration */
function toolsJson(tools: readonly Tool[], traits: ModelTraits): Texts {
  if (tools.length === 0) return {}
  if (!traits.tools) throw unsupported('tools', 'the model has no tools')
  const declarations = tools.map(({ name, description, parameters }, index) => {
    if (!/^[A-Za-z_]/.test(name)) {
      throw unsupported(`tools[${index}].name`, 'the target requires a letter or _ at the beginning')
    }
    const fields = { name, ...(description !== '' && { description }) }
    return objectJson(fields, parameters === '' ? {} : { parametersJsonSchema: parameters })
  })
  return { tools: `[{"functionDeclarations":[${declarations.join(',')}]}]` }
}

/** https://ai.google.dev/api/caching#FunctionCallingConfig */
function toolConfig({ tools, toolChoice }: ChatRequest): Fields {
  if (tools.length === 0) return {}
  const functionCallingConfig = callingConfig(toolChoice, tools)
  return functionCallingConfig ? { toolConfig: { functionCallingConfig } } : {}
}

function callingConfig(toolChoice: ToolChoice | undefined, tools: readonly Tool[]): Fields | undefined {
  const choice = toolChoice?.choice
  if (choice?.case === 'name') return { mode: 'ANY', allowedFunctionNames: [choice.value] }
  if (choice?.value === ToolChoiceMode.REQUIRED) return { mode: 'ANY' }
  if (choice?.value === ToolChoiceMode.NONE) return { mode: 'NONE' }
  if (tools.some(({ strict }) => strict)) return { mode: 'VALIDATED' }
  return choice?.value === ToolChoiceMode.AUTO ? { mode: 'AUTO' } : undefined
}
