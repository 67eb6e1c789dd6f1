import {
  type ReasoningConfig,
  ReasoningEffort,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
} from '../../domain/types.ts'
import { isJsonObject, MAX_DEPTH } from './json.ts'
import type { Violations } from './violations.ts'

const MAX_TOOLS = 512
const TOOL_NAME = /^[A-Za-z0-9_.-]{1,64}$/
const NOT_A_SCHEMA = `must be a JSON Schema: an object of at most ${MAX_DEPTH} levels, as JSON text`
const SCHEMA_NAME = /^[A-Za-z0-9_-]{1,64}$/

/** Adds what is wrong with the tools. */
export function checkTools(tools: readonly Tool[], found: Violations): void {
  if (tools.length === 0) return
  if (tools.length > MAX_TOOLS) {
    found.add('tools', `must not have more than ${MAX_TOOLS} tools`)
    return
  }
  const names = new Set<string>()
  for (const [index, tool] of tools.entries()) {
    if (found.full) return
    checkTool(`tools[${index}]`, tool, found)
    if (names.has(tool.name)) found.add(`tools[${index}].name`, 'must be unique among the tools')
    names.add(tool.name)
  }
}

function checkTool(at: string, tool: Tool, found: Violations): void {
  if (!TOOL_NAME.test(tool.name)) found.add(`${at}.name`, 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -')
  if (tool.parameters !== '' && !isJsonObject(tool.parameters)) {
    found.add(`${at}.parameters`, NOT_A_SCHEMA)
  }
}

/** Adds what is wrong with the choice of a tool. */
export function checkToolChoice({ choice }: ToolChoice, tools: readonly Tool[], found: Violations): void {
  switch (choice.case) {
    case undefined:
      found.add('tool_choice', 'must have a mode or a name')
      break
    case 'name':
      if (!tools.some((tool) => tool.name === choice.value)) {
        found.add('tool_choice.name', 'must be the name of one of the tools')
      }
      break
    case 'mode':
      checkEnum('tool_choice.mode', choice.value, ToolChoiceMode, found)
      if (choice.value === ToolChoiceMode.REQUIRED && tools.length === 0) {
        found.add('tool_choice.mode', 'must not require a tool if there are none')
      }
      break
    default:
      choice satisfies never
  }
}

/** Adds what is wrong with the format of the answer. */
export function checkResponseFormat({ format }: ResponseFormat, found: Violations): void {
  if (format.case === undefined) found.add('response_format', 'must have text, json_object or json_schema')
  if (format.case !== 'jsonSchema') return
  const { name, schema } = format.value
  if (name !== '' && !SCHEMA_NAME.test(name)) {
    found.add('response_format.json_schema.name', 'must be 1 to 64 characters of A-Z a-z 0-9 _ -')
  }
  if (schema === '') found.add('response_format.json_schema.schema', 'is required')
  else if (!isJsonObject(schema)) {
    found.add('response_format.json_schema.schema', NOT_A_SCHEMA)
  }
}

/** Adds what is wrong with the amount of reasoning. */
export function checkReasoning({ amount }: ReasoningConfig, found: Violations): void {
  if (amount.case === undefined) found.add('reasoning', 'must have an effort or budget_tokens')
  else if (amount.case === 'effort') checkEnum('reasoning.effort', amount.value, ReasoningEffort, found)
}

/** A newer client may send values that this gateway does not know; their meaning must not be guessed. */
function checkEnum(field: string, value: number, known: object, found: Violations): void {
  if (value === 0) found.add(field, 'is required')
  else if (!(value in known)) found.add(field, 'must be a known value')
}
