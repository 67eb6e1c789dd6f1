/** A wire that is asked, as one provider of the gateway. Its name is the provider's. */
export interface RequestWire {
  readonly name: string
  readonly kind: string
  readonly model: string
  /** What the vendor's own base URL has behind its host. */
  readonly basePath: string
  /** The vendor's type of a request's body: its module in `types/`, and its name there. */
  readonly type: { readonly module: string; readonly name: string }
  /** Further keys of the provider's block in the configuration. */
  readonly options?: Readonly<Record<string, string>>
  /** How the vendor answers. */
  readonly answers: 'openai' | 'responses' | 'anthropic' | 'gemini' | 'ollama'
}

const byChat = { type: { module: 'openai', name: 'OpenAiBody' }, answers: 'openai', options: { api: 'chat' } } as const
const responses = { module: 'openai-responses', name: 'ResponsesBody' }
const byResponses = { type: responses, answers: 'responses', options: { api: 'responses' } } as const
const anthropic = { module: 'anthropic', name: 'AnthropicBody' }
const gemini = { module: 'gemini', name: 'GeminiBody' }

export const wires: readonly RequestWire[] = [
  { name: 'openai', kind: 'openai', model: 'gpt-4o-mini', basePath: '/v1', ...byChat },
  { name: 'openai-reasoning', kind: 'openai', model: 'gpt-5-mini', basePath: '/v1', ...byChat },
  { name: 'azure', kind: 'azure', model: 'gpt-4o', basePath: '', ...byChat },
  { name: 'openai-responses', kind: 'openai', model: 'gpt-5.5', basePath: '/v1', ...byResponses },
  { name: 'azure-responses', kind: 'azure', model: 'gpt-4o', basePath: '', ...byResponses },
  {
    name: 'groq',
    kind: 'groq',
    model: 'openai/gpt-oss-20b',
    basePath: '/openai/v1',
    type: { module: 'openai-family', name: 'GroqBody' },
    answers: 'openai',
  },
  {
    name: 'openrouter',
    kind: 'openrouter',
    model: 'anthropic/claude-sonnet-4.5',
    basePath: '/api/v1',
    type: { module: 'openai-family', name: 'OpenRouterBody' },
    answers: 'openai',
  },
  {
    name: 'anthropic',
    kind: 'anthropic',
    model: 'claude-haiku-4-5',
    basePath: '',
    type: anthropic,
    answers: 'anthropic',
  },
  {
    name: 'anthropic-adaptive',
    kind: 'anthropic',
    model: 'claude-opus-4-7',
    basePath: '',
    type: anthropic,
    answers: 'anthropic',
  },
  { name: 'gemini', kind: 'gemini', model: 'gemini-2.5-flash', basePath: '', type: gemini, answers: 'gemini' },
  {
    name: 'gemini-levels',
    kind: 'gemini',
    model: 'gemini-3-pro-preview',
    basePath: '',
    type: gemini,
    answers: 'gemini',
  },
  {
    name: 'ollama',
    kind: 'ollama',
    model: 'qwen3',
    basePath: '',
    type: { module: 'ollama', name: 'OllamaBody' },
    answers: 'ollama',
  },
]
