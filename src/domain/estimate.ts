import type { AnyRequest } from './call.ts'

const CHARACTERS_PER_TOKEN = 4

/** About how many tokens a prompt has, or the texts of an embedding call. */
export function estimatePrompt(request: AnyRequest): number {
  let characters = 0
  if (!('messages' in request)) {
    for (const input of request.inputs) characters += input.length
    return estimateOutput(characters)
  }
  for (const message of request.messages) {
    characters += message.content.length
    for (const part of message.parts) characters += part.content.case === 'text' ? part.content.value.length : 0
    for (const call of message.toolCalls) characters += call.name.length + call.arguments.length
  }
  for (const tool of request.tools) characters += tool.name.length + tool.description.length + tool.parameters.length
  return estimateOutput(characters)
}

/** About how many tokens a text of so many characters has. */
export function estimateOutput(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN)
}
