import { countValues, isSmall, MAX_PARTS } from '../../domain/parts.ts'
import type { ChatRequest } from '../../domain/types.ts'
import type { Violations } from './violations.ts'

/** Adds the JSON text that takes the number of values of all JSON texts above the limit: encoding parses them. */
export function checkJsonTexts(request: ChatRequest, found: Violations): void {
  if (isSmall(lengthOfTexts(request))) return
  let count = 0
  for (const [field, text] of jsonTexts(request)) {
    count += countValues(Buffer.from(text))
    if (count <= MAX_PARTS) continue
    found.add(field, `must not have more than ${MAX_PARTS} values, including those of the other JSON texts`)
    return
  }
}

/** Enough to accept most requests, at little cost. */
function lengthOfTexts({ tools, responseFormat, messages }: ChatRequest): number {
  const format = responseFormat?.format
  let length = format?.case === 'jsonSchema' ? format.value.schema.length : 0
  for (const { parameters } of tools) length += parameters.length
  for (const { toolCalls } of messages) {
    for (const call of toolCalls) length += call.arguments.length
  }
  return length
}

/** The JSON texts of a request with their fields. */
function jsonTexts({ tools, responseFormat, messages }: ChatRequest): [field: string, text: string][] {
  const texts: [string, string][] = tools.map(({ parameters }, at) => [`tools[${at}].parameters`, parameters])
  const format = responseFormat?.format
  if (format?.case === 'jsonSchema') texts.push(['response_format.json_schema.schema', format.value.schema])
  for (const [at, { toolCalls }] of messages.entries()) {
    for (const [index, call] of toolCalls.entries()) {
      texts.push([`messages[${at}].tool_calls[${index}].arguments`, call.arguments])
    }
  }
  return texts
}
