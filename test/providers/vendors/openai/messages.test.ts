import { describe, expect, it } from 'vitest'
import { Role } from '../../../../src/domain/types.ts'
import { encodeChat, type RequestInit } from '../../../support/encode.ts'

const PNG = new Uint8Array([137, 80, 78, 71])

function messages(kind: string, init: RequestInit['messages'], model = 'm'): unknown {
  return encodeChat(kind, { messages: init ?? [] }, { model }).json['messages']
}

describe('roles', () => {
  const conversation = [
    { role: Role.SYSTEM, content: 'Be brief.' },
    { role: Role.DEVELOPER, content: 'Use metric units.' },
    { role: Role.USER, content: 'How far?', name: 'ann' },
  ]

  it('keeps the developer where the vendor knows it', () => {
    expect(messages('openai', conversation)).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: 'Use metric units.' },
      { role: 'user', content: 'How far?', name: 'ann' },
    ])
  })

  it('lets the developer speak as the system elsewhere', () => {
    expect(messages('groq', conversation)).toMatchObject([{}, { role: 'system', content: 'Use metric units.' }, {}])
  })

  it('leaves a name out, and says so, where the vendor refuses names', () => {
    const { json, leftOut } = encodeChat('mistral', { messages: conversation })
    expect(json['messages']).toMatchObject([{}, {}, { role: 'user', content: 'How far?' }])
    expect(json['messages']).not.toMatchObject([{}, {}, { name: 'ann' }])
    expect(leftOut).toEqual(['messages[2].name'])
  })
})

describe('messages of the user that follow one another', () => {
  const said = (content: string, name = '') => ({ role: Role.USER, content, name })
  const conversation = [
    { role: Role.SYSTEM, content: 'Be brief.' },
    said('A summary.'),
    said('One.'),
    { role: Role.ASSISTANT, content: 'Two.' },
    said('Three.'),
  ]

  it.each(['perplexity', 'deepseek'])('are one for %s, where the roles must alternate', (kind) => {
    expect(messages(kind, conversation)).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'A summary.\n\nOne.' },
      { role: 'assistant', content: 'Two.' },
      { role: 'user', content: 'Three.' },
    ])
  })

  it('keep their media, in order', () => {
    const image = { content: { case: 'image', value: { source: { case: 'data', value: PNG }, mimeType: 'image/png' } } }
    expect(messages('perplexity', [said('Look:'), { role: Role.USER, parts: [image as never] }])).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } },
        ],
      },
    ])
  })

  it('stay apart where different participants wrote them, and elsewhere', () => {
    expect(messages('deepseek', [said('One.', 'ann'), said('Two.', 'bob')])).toHaveLength(2)
    for (const kind of ['openai', 'vllm', 'openai-compatible']) expect(messages(kind, conversation)).toHaveLength(5)
  })
})

describe('content', () => {
  it('joins text parts to one string, which every server reads', () => {
    const parts = ['one ', 'two'].map((value) => ({ content: { case: 'text', value } }) as const)
    expect(messages('local', [{ role: Role.USER, parts }])).toEqual([{ role: 'user', content: 'one two' }])
  })

  const media = [
    { content: { case: 'text', value: 'What is this?' } },
    { content: { case: 'image', value: { source: { case: 'data', value: PNG }, mimeType: 'image/png' } } },
    { content: { case: 'image', value: { source: { case: 'url', value: 'https://x.test/a.png' } } } },
    { content: { case: 'audio', value: { source: { case: 'data', value: PNG }, mimeType: 'audio/mpeg' } } },
    {
      content: {
        case: 'file',
        value: { source: { case: 'data', value: PNG }, mimeType: 'application/pdf', name: 'a.pdf' },
      },
    },
  ] as const

  it('sends images, sounds and files in the order given', () => {
    expect(messages('openai', [{ role: Role.USER, parts: [...media] }])).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } },
          { type: 'image_url', image_url: { url: 'https://x.test/a.png' } },
          { type: 'input_audio', input_audio: { data: 'iVBORw==', format: 'mp3' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,iVBORw==' } },
        ],
      },
    ])
  })

  it('spells them as Mistral does', () => {
    expect(messages('mistral', [{ role: Role.USER, parts: [...media] }])).toMatchObject([
      {
        content: [
          {},
          { type: 'image_url', image_url: 'data:image/png;base64,iVBORw==' },
          {},
          { type: 'input_audio', input_audio: 'iVBORw==' },
          { type: 'document_url', document_url: 'data:application/pdf;base64,iVBORw==' },
        ],
      },
    ])
  })

  it.each([
    ['deepseek', media[1], 'messages[0].parts[0]: the target takes no images'],
    ['groq', media[3], 'messages[0].parts[0]: the target takes no sound'],
    ['xai', media[4], 'messages[0].parts[0]: the target takes no files'],
  ] as const)('refuses for %s what it cannot carry', (kind, part, message) => {
    expect(() => messages(kind, [{ role: Role.USER, parts: [part] }])).toThrow(
      expect.objectContaining({ reason: 'UNSUPPORTED', fallback: true, message }),
    )
  })

  it('hands a file by URL only to vendors that fetch it', () => {
    const parts = [
      { content: { case: 'file', value: { source: { case: 'url', value: 'https://x.test/a.pdf' } } } },
    ] as const
    expect(messages('openrouter', [{ role: Role.USER, parts: [...parts] }])).toMatchObject([
      { content: [{ file: { file_data: 'https://x.test/a.pdf' } }] },
    ])
    expect(() => messages('groq', [{ role: Role.USER, parts: [...parts] }])).toThrow('files by URL')
  })

  it('refuses anything but text in a system message', () => {
    expect(() => messages('openai', [{ role: Role.SYSTEM, parts: [media[1]] }])).toThrow('only text here')
  })
})

describe('earlier answers', () => {
  const turn = [
    {
      role: Role.ASSISTANT,
      content: 'Let me look.',
      reasoning: [{ text: 'A tool ', signature: 'sig' }, { text: 'knows.' }],
      toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city": "Oslo"}' }],
    },
    { role: Role.TOOL, content: '7 C', toolCallId: 'call_1', name: 'weather' },
  ]
  const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city": "Oslo"}' } }

  it('go back with their tool calls and results, without reasoning where the vendor does not want it', () => {
    expect(messages('openai', turn)).toEqual([
      { role: 'assistant', content: 'Let me look.', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: '7 C' },
    ])
  })

  it.each([
    ['deepseek', { content: 'Let me look.', reasoning_content: 'A tool knows.' }],
    ['groq', { content: 'Let me look.', reasoning: 'A tool knows.' }],
    [
      'mistral',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'A tool knows.' }] },
          { type: 'text', text: 'Let me look.' },
        ],
      },
    ],
    [
      'openrouter',
      {
        reasoning_details: [
          { type: 'reasoning.text', text: 'A tool ', signature: 'sig' },
          { type: 'reasoning.text', text: 'knows.' },
        ],
      },
    ],
  ])('go back to %s with their reasoning in its spelling', (kind, expected) => {
    expect(messages(kind, turn)).toMatchObject([expected, {}])
  })

  it('give an encrypted thought back to OpenRouter as it came', () => {
    const detail = { type: 'reasoning.encrypted', data: 'zzz', id: 'rs_1', format: 'openai-responses-v1' }
    const reasoning = [{ redacted: JSON.stringify(detail) }, { redacted: 'not ours' }]
    expect(messages('openrouter', [{ role: Role.ASSISTANT, content: 'Yes.', reasoning }])).toMatchObject([
      { reasoning_details: [detail, { type: 'reasoning.encrypted', data: 'not ours' }] },
    ])
  })

  it('replace ids of tool calls that Mistral refuses, in the call and its result alike', () => {
    // The shape that the first test of this group shows.
    const [assistant, tool] = encodeChat('mistral', { messages: turn }).json['messages'] as [
      { tool_calls: [{ id: string }] },
      { tool_call_id: string },
    ]
    expect(assistant.tool_calls[0].id).toMatch(/^[a-z0-9]{9}$/)
    expect(tool.tool_call_id).toBe(assistant.tool_calls[0].id)
  })

  it('keep ids that Mistral made itself', () => {
    const own = [{ role: Role.TOOL, content: '7 C', toolCallId: 'a1B2c3D4e' }]
    expect(messages('mistral', own)).toMatchObject([{ tool_call_id: 'a1B2c3D4e' }])
  })

  it('say null where there is only a call, and {} for a call without arguments', () => {
    const toolCalls = [{ id: 'c', name: 'now', arguments: '' }]
    expect(messages('openai', [{ role: Role.ASSISTANT, toolCalls }])).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'now', arguments: '{}' } }],
      },
    ])
  })

  it('say an empty text where there is nothing else, since OpenAI refuses null there', () => {
    expect(messages('openai', [{ role: Role.ASSISTANT }])).toEqual([{ role: 'assistant', content: '' }])
  })

  it('shorten ids of tool calls that are too long for OpenAI, in the call and its result alike', () => {
    const id = `chatcmpl-tool-${'a'.repeat(32)}`
    const toolCalls = [{ id, name: 'now', arguments: '{}' }]
    const long = [
      { role: Role.ASSISTANT, toolCalls },
      { role: Role.TOOL, content: 'Noon.', toolCallId: id },
    ]
    const [assistant, tool] = messages('azure', long) as [{ tool_calls: [{ id: string }] }, { tool_call_id: string }]
    expect(assistant.tool_calls[0].id).toMatch(/^[a-z0-9]{9}$/)
    expect(tool.tool_call_id).toBe(assistant.tool_calls[0].id)
    expect(messages('vllm', long)).toMatchObject([{ tool_calls: [{ id }] }, { tool_call_id: id }])
  })

  it.each([
    ['openai', ['messages[0].reasoning[0]', 'messages[0].reasoning[1]']],
    ['groq', ['messages[0].reasoning[1]', 'messages[0].reasoning[0].signature']],
    ['openrouter', []],
  ])('name the thoughts that %s cannot take back', (kind, leftOut) => {
    const reasoning = [{ text: 'Hm.', signature: 'proof' }, { redacted: 'secret' }, { text: 'Unsigned.' }]
    const turn = [{ role: Role.ASSISTANT, content: 'Yes.', reasoning }]
    expect(encodeChat(kind, { messages: turn }).leftOut).toEqual(leftOut)
  })

  it("give Google's signatures back where such a server may stand behind the address", () => {
    const toolCalls = [{ id: 'c', name: 'now', arguments: '{}', signature: 'proof' }]
    const sent = { tool_calls: [{ extra_content: { google: { thought_signature: 'proof' } } }] }
    expect(messages('local', [{ role: Role.ASSISTANT, toolCalls }])).toMatchObject([sent])
    expect(messages('openai', [{ role: Role.ASSISTANT, toolCalls }])).not.toMatchObject([sent])
  })

  it('send a refusal in its field, or as text', () => {
    const refusal = [{ role: Role.ASSISTANT, refusal: 'I will not.' }]
    expect(messages('openai', refusal)).toEqual([{ role: 'assistant', content: null, refusal: 'I will not.' }])
    expect(messages('groq', refusal)).toEqual([{ role: 'assistant', content: 'I will not.' }])
  })

  it('send what was said in a sound, and an image only where it may go back', () => {
    const spoken = { source: { case: 'data', value: PNG }, mimeType: 'audio/wav', transcript: 'Hello.' } as const
    const drawn = { source: { case: 'data', value: PNG }, mimeType: 'image/png' } as const
    const answer = (content: { case: 'audio'; value: typeof spoken } | { case: 'image'; value: typeof drawn }) => [
      { role: Role.ASSISTANT, parts: [{ content }] },
    ]
    expect(messages('openai', answer({ case: 'audio', value: spoken }))).toMatchObject([{ content: 'Hello.' }])
    expect(() => messages('openai', answer({ case: 'image', value: drawn }))).toThrow('only text in an earlier answer')
    expect(messages('openrouter', answer({ case: 'image', value: drawn }))).toMatchObject([
      { content: null, images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } }] },
    ])
  })
})
