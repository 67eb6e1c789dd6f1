import type {
  ResponseCreateParams,
  ResponseInputItem,
  ResponseOutputMessage,
  ResponseReasoningItem,
} from 'openai/resources/responses/responses'

/** OpenAI's body, but for its input. Both of its variants stay, with and without `stream`. */
type Without<B> = B extends unknown ? Omit<B, 'input'> : never

/**
 * What the Responses API takes without ids, though the client's types ask for them: the items of responses that are not
 * stored have none. https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
 */
type Replayed = Omit<ResponseReasoningItem, 'id'> | Omit<ResponseOutputMessage, 'id' | 'status'>

export type ResponsesBody = Without<ResponseCreateParams> & { input: (ResponseInputItem | Replayed)[] }
