import type { StatedSizes } from '../../domain/errors/error.ts'
import { withoutQuoted } from './sentence.ts'

/*
 * Numbers in the messages with which vendors refuse a conversation as too long. A caller may have caused them, so they
 * decide only how much of the same conversation is sent again.
 */

/** The context window of the model. Recorded replies and public reports, 2026-11. */
const windows: readonly RegExp[] = [
  // OpenAI, DeepSeek, xAI, vLLM
  /maximum (?:context|prompt|model) length (?:is|of) (\d{1,9})/i,
  // Anthropic
  /> (\d{1,9})(?: maximum|,|$)/i,
  // Gemini
  /tokens allowed \((\d{1,9})\)/i,
  /supports up to (\d{1,9})/i,
  // Mistral
  /(\d{1,9}) maximum context length/i,
  // llama.cpp, LM Studio
  /available context size \((\d{1,9})/i,
  /n_ctx: (\d{1,9})/i,
  // Text Generation Inference, Together
  /must be <= (\d{1,9})/i,
  /must have less than (\d{1,9}) tokens/i,
]

/** The tokens of the conversation. */
const inputs: readonly RegExp[] = [
  /\((\d{1,9}) in the messages/i,
  /messages resulted in (\d{1,9})/i,
  /request (?:has|contains) (\d{1,9})/i,
  /\(length (\d{1,9})\)/i,
  /prompt is too long: (\d{1,9})/i,
  /context limit: (\d{1,9})/i,
  /token count (?:is |\()(\d{1,9})/i,
  /prompt contains (\d{1,9})/i,
  /request \((\d{1,9})/i,
  /given: (\d{1,9})/i,
]

/** What the message of a vendor says about a conversation that is too long. */
export function statedSizes(message: string): StatedSizes {
  const text = withoutQuoted(message).trim()
  const window = firstNumber(windows, text)
  const input = firstNumber(inputs, text)
  return { ...(window !== undefined && { window }), ...(input !== undefined && { input }) }
}

function firstNumber(patterns: readonly RegExp[], text: string): number | undefined {
  for (const pattern of patterns) {
    const found = pattern.exec(text)?.[1]
    if (found !== undefined) return Number(found)
  }
  return undefined
}
