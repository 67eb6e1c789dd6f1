import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions'

/** OpenAI's own. Azure takes the same. */
export type OpenAiBody = ChatCompletionCreateParams
