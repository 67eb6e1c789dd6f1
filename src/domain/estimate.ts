import type { ChatRequest, CompleteRequest, EmbedRequest } from './types.ts'

const BYTES_PER_TOKEN = 4
/** Tokens of an image, a sound or a file, whose size says little. */
const MEDIA_TOKENS = 1_000

/** Estimated tokens of a chat's text, tool calls and tool definitions: one for four bytes. */
export function promptTokens(request: ChatRequest): number {
  let bytes = 0
  for (const message of request.messages) {
    bytes += Buffer.byteLength(message.content)
    for (const { content } of message.parts) if (content.case === 'text') bytes += Buffer.byteLength(content.value)
    for (const call of message.toolCalls) bytes += call.name.length + Buffer.byteLength(call.arguments)
  }
  for (const tool of request.tools) {
    bytes += tool.name.length + Buffer.byteLength(tool.description) + Buffer.byteLength(tool.parameters)
  }
  return textTokens(bytes)
}

/** Estimated tokens of a chat's images, sounds and files. */
export function mediaTokens(request: ChatRequest): number {
  let media = 0
  for (const { parts } of request.messages) for (const { content } of parts) if (content.case !== 'text') media++
  return media * MEDIA_TOKENS
}

/** Estimated tokens of a text that is to be continued, with what follows the gap. */
export function completePromptTokens({ prompt, suffix }: CompleteRequest): number {
  return textTokens(Buffer.byteLength(prompt) + Buffer.byteLength(suffix))
}

/** Estimated tokens of the inputs of an embedding call. */
export function embedPromptTokens({ inputs }: EmbedRequest): number {
  let bytes = 0
  for (const input of inputs) bytes += Buffer.byteLength(input)
  return textTokens(bytes)
}

/** Estimated tokens of a text of `bytes` bytes. */
export function textTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}
