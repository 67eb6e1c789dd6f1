import type { ChatRequest, Message, Tool, ToolCall } from 'ollama'

/** https://docs.ollama.com/api/chat */
export type OllamaBody = Omit<ChatRequest, 'messages' | 'tools'> & {
  messages: OllamaMessage[]
  tools?: OllamaTool[]
}

/** The SDK knows no ids of calls; the API does. https://github.com/ollama/ollama/blob/main/api/types.go */
type OllamaMessage = Omit<Message, 'tool_calls'> & {
  tool_calls?: (ToolCall & { id?: string })[]
  tool_call_id?: string
}

/** The SDK knows only the first level of a JSON Schema. */
type OllamaTool = Omit<Tool, 'function'> & {
  function: Omit<Tool['function'], 'parameters'> & { parameters?: Record<string, unknown> }
}
