import { unsupported } from '../../../../domain/errors/error.ts'
import { type ResponseFormat, type Tool, type ToolChoice, ToolChoiceMode } from '../../../../domain/types.ts'
import { objectJson } from '../../json.ts'
import type { OpenAiDialect } from '../dialect.ts'

const NO_ARGUMENTS = '{"type":"object","properties":{}}'

/** https://platform.openai.com/docs/guides/function-calling */
export function toolsJson(tools: readonly Tool[]): string {
  return `[${tools.map(toolJson).join(',')}]`
}

/** The vendor treats tools as strict unless the request says otherwise, and refuses schemas that are not. */
function toolJson({ name, description, parameters, strict = false }: Tool): string {
  const fields = { type: 'function', name, ...(description !== '' && { description }), strict }
  return objectJson(fields, { parameters: parameters === '' ? NO_ARGUMENTS : parameters })
}

export function toolChoice({ choice }: ToolChoice): unknown {
  if (choice.case === 'name') return { type: 'function', name: choice.value }
  if (choice.value === ToolChoiceMode.REQUIRED) return 'required'
  return choice.value === ToolChoiceMode.NONE ? 'none' : 'auto'
}

/** `text.format`; undefined for text. https://platform.openai.com/docs/guides/structured-outputs */
export function formatJson(responseFormat: ResponseFormat | undefined, { formats }: OpenAiDialect): string | undefined {
  const format = responseFormat?.format
  if (format?.case === 'jsonObject') {
    if (!formats.includes('json_object')) throw unsupported('response_format.json_object', 'the target needs a schema')
    return '{"type":"json_object"}'
  }
  if (format?.case !== 'jsonSchema') return undefined
  if (!formats.includes('json_schema')) {
    throw unsupported('response_format.json_schema', 'the target cannot follow a schema')
  }
  const { name, description, schema, strict } = format.value
  const fields = {
    type: 'json_schema',
    name: name || 'response',
    ...(description !== '' && { description }),
    ...(strict !== undefined && { strict }),
  }
  return objectJson(fields, { schema })
}
