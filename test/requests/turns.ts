/** An answer as a vendor gives it, and how it must stand in the next request to the same vendor. */
export interface VendorTurn {
  readonly what: string
  readonly kind: string
  readonly model: string
  readonly reply: unknown
  /** Of the provider; set where the vendor is asked by its other API. */
  readonly options?: { readonly api: 'responses' }
  /** The second of the next request's messages: `contents` at Gemini, `input` in the Responses API. */
  readonly goesBack: unknown
  /** Whether it holds an image or a sound, which not every vendor takes in an earlier answer. */
  readonly media?: boolean
}

const PIXEL = 'iVBORw0KGgo='

function openAi(message: object, finish = 'stop') {
  return { id: 'r1', model: 'm', choices: [{ index: 0, message, finish_reason: finish }] }
}

function anthropic(...content: readonly object[]) {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    content,
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 1 },
  }
}

function gemini(...parts: readonly object[]) {
  return { candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }] }
}

const calls = [
  { id: 'call_A', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
  { id: 'call_B', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } },
]
const thinking = { type: 'thinking', thinking: 'Ask.', signature: 'c2lnbmVk' }
const redacted = { type: 'redacted_thinking', data: 'c2VjcmV0' }
const toolUse = { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Oslo' } }
const signedCall = { functionCall: { name: 'get_weather', args: { city: 'Oslo' } }, thoughtSignature: 'c2lnbmVk' }
const details = [
  { type: 'reasoning.text', text: 'Ask.', signature: 'c2lnbmVk' },
  { type: 'reasoning.encrypted', data: 'c2VjcmV0', id: 'rs_1', format: 'openai-responses-v1' },
]
const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } }

export const vendorTurns: readonly VendorTurn[] = [
  {
    what: 'a text',
    kind: 'openai',
    model: 'gpt-4o',
    reply: openAi({ content: 'Hello.' }),
    goesBack: { role: 'assistant', content: 'Hello.' },
  },
  {
    what: 'nothing',
    kind: 'openai',
    model: 'gpt-5-mini',
    reply: openAi({ content: '' }, 'length'),
    goesBack: { role: 'assistant', content: '' },
  },
  {
    what: 'two calls',
    kind: 'openai',
    model: 'gpt-4o',
    reply: openAi({ content: null, tool_calls: calls }, 'tool_calls'),
    goesBack: { role: 'assistant', content: null, tool_calls: calls },
  },
  {
    what: 'a refusal',
    kind: 'openai',
    model: 'gpt-4o',
    reply: openAi({ content: null, refusal: 'I will not.' }),
    goesBack: { role: 'assistant', content: null, refusal: 'I will not.' },
  },
  {
    what: 'a sound',
    kind: 'openai',
    model: 'gpt-audio',
    reply: openAi({ content: null, audio: { data: 'UklGRg==', transcript: 'Hello.' } }),
    goesBack: { role: 'assistant', content: 'Hello.' },
    media: true,
  },
  {
    what: 'an encrypted thought',
    kind: 'openai',
    model: 'gpt-5.5',
    options: { api: 'responses' },
    reply: {
      id: 'resp_1',
      status: 'completed',
      output: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Ask.' }], encrypted_content: 'gAAAAABqPBJWAIvE' },
        { type: 'message', content: [{ type: 'output_text', text: 'I look.', annotations: [] }] },
      ],
    },
    goesBack: {
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'Ask.' }],
      encrypted_content: 'gAAAAABqPBJWAIvE',
    },
  },
  {
    what: 'a call by the Responses API',
    kind: 'xai',
    model: 'grok-4.3',
    options: { api: 'responses' },
    reply: {
      id: 'resp_1',
      status: 'completed',
      output: [{ type: 'function_call', call_id: 'call_A', name: 'get_weather', arguments: '{"city":"Oslo"}' }],
    },
    goesBack: { type: 'function_call', call_id: 'call_A', name: 'get_weather', arguments: '{"city":"Oslo"}' },
  },
  {
    what: 'a thought and a call',
    kind: 'deepseek',
    model: 'deepseek-reasoner',
    reply: openAi({ content: 'I look.', reasoning_content: 'Ask.', tool_calls: calls }),
    goesBack: { role: 'assistant', content: 'I look.', reasoning_content: 'Ask.', tool_calls: calls },
  },
  {
    what: 'a thought',
    kind: 'mistral',
    model: 'magistral-small-latest',
    reply: openAi({
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'Greet.' }] },
        { type: 'text', text: 'Hello.' },
      ],
    }),
    goesBack: {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'Greet.' }] },
        { type: 'text', text: 'Hello.' },
      ],
    },
  },
  {
    what: 'signed and encrypted thoughts and a call',
    kind: 'openrouter',
    model: 'openai/gpt-5',
    reply: openAi({ content: 'I look.', reasoning: 'Ask.', reasoning_details: details, tool_calls: calls }),
    goesBack: { role: 'assistant', content: 'I look.', reasoning_details: details, tool_calls: calls },
  },
  {
    what: 'an image',
    kind: 'openrouter',
    model: 'google/gemini-2.5-flash-image',
    reply: openAi({ content: 'Look:', images: [image] }),
    goesBack: { role: 'assistant', content: 'Look:', images: [image] },
    media: true,
  },
  {
    what: 'a call that Google signed',
    kind: 'local',
    model: 'gemini-3-flash',
    reply: openAi({
      content: null,
      tool_calls: [{ ...calls[0], extra_content: { google: { thought_signature: 'c2lnbmVk' } } }],
    }),
    goesBack: {
      role: 'assistant',
      content: null,
      tool_calls: [{ ...calls[0], extra_content: { google: { thought_signature: 'c2lnbmVk' } } }],
    },
  },
  {
    what: 'signed and encrypted thoughts and a call',
    kind: 'anthropic',
    model: 'claude-haiku-4-5',
    reply: anthropic(thinking, redacted, { type: 'text', text: 'I look.' }, toolUse),
    goesBack: { role: 'assistant', content: [thinking, redacted, { type: 'text', text: 'I look.' }, toolUse] },
  },
  {
    what: 'a call without arguments',
    kind: 'anthropic',
    model: 'claude-haiku-4-5',
    reply: anthropic({ ...toolUse, input: {} }),
    goesBack: { role: 'assistant', content: [{ ...toolUse, input: {} }] },
  },
  {
    what: 'a thought and signed calls without ids',
    kind: 'gemini',
    model: 'gemini-3-pro-preview',
    reply: gemini({ text: 'Ask.', thought: true }, signedCall, { functionCall: { name: 'get_time', args: {} } }),
    goesBack: {
      role: 'model',
      parts: [{ text: 'Ask.', thought: true }, signedCall, { functionCall: { name: 'get_time', args: {} } }],
    },
  },
  {
    what: 'a signed text',
    kind: 'gemini',
    model: 'gemini-3-pro-preview',
    reply: gemini({ text: 'Hel' }, { text: 'lo.', thoughtSignature: 'c2lnbmVk' }),
    goesBack: { role: 'model', parts: [{ text: 'Hello.', thoughtSignature: 'c2lnbmVk' }] },
  },
  {
    what: 'an image between texts',
    kind: 'gemini',
    model: 'gemini-2.5-flash-image',
    reply: gemini({ text: 'Look:' }, { inlineData: { mimeType: 'image/png', data: PIXEL } }, { text: 'Nice?' }),
    goesBack: {
      role: 'model',
      parts: [{ text: 'Look:' }, { inlineData: { mimeType: 'image/png', data: PIXEL } }, { text: 'Nice?' }],
    },
    media: true,
  },
  {
    what: 'a thought and a call without an id',
    kind: 'ollama',
    model: 'qwen3',
    reply: {
      message: {
        role: 'assistant',
        content: '',
        thinking: 'Ask.',
        tool_calls: [{ function: { name: 'get_weather', arguments: { city: 'Oslo' } } }],
      },
      done: true,
      done_reason: 'stop',
    },
    goesBack: {
      role: 'assistant',
      content: '',
      thinking: 'Ask.',
      tool_calls: [{ function: { name: 'get_weather', arguments: { city: 'Oslo' } } }],
    },
  },
]
