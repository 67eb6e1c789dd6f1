import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions'

/** What vendors of OpenAI's family take beside OpenAI's own fields, as their documentation has it. */

/** OpenAI's body, but for its messages. Both of its variants stay, with and without `stream`. */
type Without<B> = B extends unknown ? Omit<B, 'messages'> : never

type FamilyBody<Assistant> = Without<ChatCompletionCreateParams> & {
  messages: (ChatCompletionMessageParam | Assistant)[]
}

/** `reasoning` goes back in messages. https://console.groq.com/docs/reasoning */
export type GroqBody = FamilyBody<ChatCompletionAssistantMessageParam & { reasoning?: string }> & {
  /** For the models that think aloud otherwise. */
  reasoning_format?: 'parsed' | 'raw' | 'hidden'
}

/** https://openrouter.ai/docs/api-reference/overview */
export type OpenRouterBody = FamilyBody<
  ChatCompletionAssistantMessageParam & {
    /** https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks */
    reasoning_details?: ({ id?: string | null; format?: string } & (
      | { type: 'reasoning.text'; text?: string; signature?: string }
      | { type: 'reasoning.encrypted'; data: string }
    ))[]
    /** https://openrouter.ai/docs/features/multimodal/image-generation */
    images?: { type: 'image_url'; image_url: { url: string } }[]
  }
> & {
  top_k?: number
  /** https://openrouter.ai/docs/use-cases/reasoning-tokens */
  reasoning?: { effort: 'none' | 'minimal' | 'low' | 'medium' | 'high' } | { max_tokens: number }
  /** https://openrouter.ai/docs/features/provider-routing */
  provider?: { order?: string[] }
}
