import { unsupported } from '../../../domain/errors/error.ts'
import { type ChatRequest, type Tool, ToolChoiceMode } from '../../../domain/types.ts'
import { fieldsOf, type JsonFields, objectJson, parseJson } from '../json.ts'
import type { ModelTraits } from './models.ts'
import { boundSchema } from './schema.ts'

/**
 * Tool that a model calls with its response, for models without structured output. Its name is longer than callers'
 * names may be, so that the decoder recognizes it.
 */
export const ANSWER_TOOL = 'answer_with_the_json_object_that_was_asked_for_and_with_nothing_else'

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools */
const NAME = /^[a-zA-Z0-9_-]+$/
const NO_ARGUMENTS = '{"type":"object","properties":{}}'
const ANY_OBJECT = '{"type":"object"}'
const SCHEMA = 'response_format.json_schema.schema'

/** Tools and response format of a request. */
export interface ToolPlan {
  /** JSON text. */
  readonly tools?: string
  readonly choice?: JsonFields
  /** Whether the choice forces a call. */
  readonly isForced: boolean
  /** Schema of the response, as JSON text. */
  readonly schema?: string
}

/**
 * Throws UNSUPPORTED for what the model cannot do.
 *
 * | ours | the vendor's |
 * |---|---|
 * | tool_choice automatic, required, a name, none | `auto`, `any`, `tool`, `none` |
 * | parallel_tool_calls | `disable_parallel_tool_use` of the choice |
 * | strict tools | `strict`, where the model and the vendor's part of JSON Schema allow |
 * | json_schema | `output_config.format`, likewise; else the answer is the call of a tool with that schema |
 * | json_object | the call of a tool without a schema |
 */
export function planTools(request: ChatRequest, traits: ModelTraits): ToolPlan {
  const schema = boundFormat(request, traits)
  const answerSchema = schema === undefined ? unboundFormat(request, traits) : undefined
  const choice = choiceOf(request, answerSchema !== undefined)
  const isForced = choice?.['type'] === 'any' || choice?.['type'] === 'tool'
  if (isForced && traits.forcedTools === 'never') {
    throw unsupported('tool_choice', 'the target cannot be made to call a tool')
  }
  const tools = request.tools.map((tool, index) => toolJson(tool, `tools[${index}]`, traits))
  if (answerSchema !== undefined) tools.push(answerTool(request, answerSchema))
  return {
    ...(tools.length > 0 && { tools: `[${tools.join(',')}]` }),
    ...(choice && { choice }),
    isForced,
    ...(schema !== undefined && { schema }),
  }
}

/** https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
function boundFormat({ responseFormat }: ChatRequest, traits: ModelTraits): string | undefined {
  const format = responseFormat?.format
  if (!traits.schemas || format?.case !== 'jsonSchema') return undefined
  const { schema, description } = format.value
  const isDescribed = description === '' || 'description' in fieldsOf(parseJson(schema))
  return boundSchema(isDescribed ? schema : withMember(schema, `"description":${JSON.stringify(description)}`))
}

/** Arguments of the tool that carries the response. If another tool must be called, there is no response yet. */
function unboundFormat(request: ChatRequest, traits: ModelTraits): string | undefined {
  const format = request.responseFormat?.format
  if (format?.case !== 'jsonObject' && format?.case !== 'jsonSchema') return undefined
  if (traits.forcedTools === 'never') {
    const at = format.case === 'jsonObject' ? 'response_format.json_object' : SCHEMA
    throw unsupported(at, 'the target needs a schema that names the properties of every object')
  }
  if (mustCall(request)) return undefined
  return format.case === 'jsonObject' ? ANY_OBJECT : asObject(format.value.schema, SCHEMA)
}

function mustCall({ toolChoice }: ChatRequest): boolean {
  const choice = toolChoice?.choice
  return choice?.case === 'name' || choice?.value === ToolChoiceMode.REQUIRED
}

function answerTool({ responseFormat }: ChatRequest, schema: string): string {
  const format = responseFormat?.format
  const purpose = format?.case === 'jsonSchema' ? format.value.description : ''
  const description = `Takes the whole answer, as JSON.${purpose === '' ? '' : ` The answer: ${purpose}`}`
  return objectJson({ name: ANSWER_TOOL, description }, { input_schema: schema })
}

function choiceOf(request: ChatRequest, answersByTool: boolean): JsonFields | undefined {
  const { tools, toolChoice, parallelToolCalls } = request
  const none = toolChoice?.choice.value === ToolChoiceMode.NONE
  if (answersByTool && (none || tools.length === 0)) return { type: 'tool', name: ANSWER_TOOL }
  if (tools.length === 0) return undefined
  if (none) return { type: 'none' }
  const one = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {}
  if (answersByTool) return { type: 'any', ...one }
  const choice = toolChoice?.choice
  if (choice?.case === 'name') return { type: 'tool', name: choice.value, ...one }
  if (choice?.value === ToolChoiceMode.REQUIRED) return { type: 'any', ...one }
  return choice?.value === ToolChoiceMode.AUTO || parallelToolCalls === false ? { type: 'auto', ...one } : undefined
}

function toolJson({ name, description, parameters, strict }: Tool, at: string, traits: ModelTraits): string {
  if (!NAME.test(name)) throw unsupported(`${at}.name`, 'the target takes letters, digits, _ and - only')
  const bound = strict && traits.schemas ? boundSchema(parameters || NO_ARGUMENTS) : undefined
  const fields = { name, ...(description !== '' && { description }), ...(bound !== undefined && { strict: true }) }
  return objectJson(fields, { input_schema: asObject(bound ?? (parameters || NO_ARGUMENTS), `${at}.parameters`) })
}

/** The vendor requires an object schema without alternatives at the root. */
function asObject(schema: string, at: string): string {
  const given = fieldsOf(parseJson(schema))
  const alternatives = ['anyOf', 'oneOf', 'allOf'].find((keyword) => keyword in given)
  if (alternatives !== undefined) throw unsupported(at, `the target takes no ${alternatives} at the root of a schema`)
  if (given['type'] === 'object') return schema
  if (given['type'] !== undefined) throw unsupported(at, 'the target takes schemas of objects only')
  return withMember(schema, '"type":"object"')
}

/** Adds a member to the front of an object's JSON text. */
function withMember(object: string, member: string): string {
  const members = object.trim().slice(1, -1).trim()
  return `{${members === '' ? member : `${member},${members}`}}`
}
