import type { AnyRequest } from './call.ts'

const BYTES_PER_TOKEN = 4
/** An image or a sound, whose size says little. */
const MEDIA_TOKENS = 1_000
/** Of an answer whose length nobody has bounded. */
const ANSWER_TOKENS = 1_000

/**
 * The tokens that a call may use: its prompt, its media and the longest answer that it allows. `maxTokens` holds where
 * the call does not say.
 */
export function estimateTokens(request: AnyRequest, maxTokens: number | undefined): number {
  const prompt = estimatePrompt(request)
  if (request.$typeName === 'llmgateway.v1.EmbedRequest') return prompt
  let media = 0
  for (const { parts } of request.messages) for (const { content } of parts) if (content.case !== 'text') media++
  return prompt + media * MEDIA_TOKENS + (request.maxTokens ?? maxTokens ?? ANSWER_TOKENS)
}

/** About how many tokens the text of a prompt has, or the texts of an embedding call: a token for four bytes. */
export function estimatePrompt(request: AnyRequest): number {
  let bytes = 0
  if (request.$typeName === 'llmgateway.v1.EmbedRequest') {
    for (const input of request.inputs) bytes += Buffer.byteLength(input)
    return estimateOutput(bytes)
  }
  for (const message of request.messages) {
    bytes += Buffer.byteLength(message.content)
    for (const { content } of message.parts) if (content.case === 'text') bytes += Buffer.byteLength(content.value)
    for (const call of message.toolCalls) bytes += call.name.length + Buffer.byteLength(call.arguments)
  }
  for (const tool of request.tools) {
    bytes += tool.name.length + Buffer.byteLength(tool.description) + Buffer.byteLength(tool.parameters)
  }
  return estimateOutput(bytes)
}

/** About how many tokens a text of so many bytes has. */
export function estimateOutput(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}
