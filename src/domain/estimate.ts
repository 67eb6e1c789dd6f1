import type { AnyRequest } from './call.ts'

const BYTES_PER_TOKEN = 4
/** An image or a sound, whose size says little. */
const MEDIA_TOKENS = 1_000
/** Of an answer whose length nobody has bounded. */
const ANSWER_TOKENS = 1_000

/**
 * The tokens that a call may use: its text, at four bytes a token, and the longest answer that it allows. `maxTokens`
 * holds where the call does not say.
 */
export function estimateTokens(request: AnyRequest, maxTokens: number | undefined): number {
  if (request.$typeName === 'llmgateway.v1.EmbedRequest') {
    let bytes = 0
    for (const input of request.inputs) bytes += Buffer.byteLength(input)
    return Math.ceil(bytes / BYTES_PER_TOKEN)
  }
  let bytes = 0
  let media = 0
  for (const message of request.messages) {
    bytes += Buffer.byteLength(message.content)
    for (const { content } of message.parts) {
      if (content.case === 'text') bytes += Buffer.byteLength(content.value)
      else media++
    }
    for (const call of message.toolCalls) bytes += call.name.length + Buffer.byteLength(call.arguments)
  }
  for (const tool of request.tools) {
    bytes += tool.name.length + Buffer.byteLength(tool.description) + Buffer.byteLength(tool.parameters)
  }
  const answer = request.maxTokens ?? maxTokens ?? ANSWER_TOKENS
  return Math.ceil(bytes / BYTES_PER_TOKEN) + media * MEDIA_TOKENS + answer
}
