import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages'

/**
 * The SDK speaks version 2026-10-21 of the API, which has no sampling fields; the gateway asks for 2023-06-01, which
 * has them. https://platform.claude.com/docs/en/api/versioning
 */
export type AnthropicBody = MessageCreateParams & {
  temperature?: number
  top_p?: number
  top_k?: number
}
