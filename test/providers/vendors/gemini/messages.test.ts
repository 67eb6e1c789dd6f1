import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import { MessageSchema, Role } from '../../../../src/domain/types.ts'
import { encodeChat, type RequestInit } from '../../../support/encode.ts'

const PNG = new Uint8Array([137, 80, 78, 71])
const image = { source: { case: 'data', value: PNG }, mimeType: 'image/png' } as const

function encode(messages: NonNullable<RequestInit['messages']>, model = 'gemini-2.5-flash') {
  const { json, leftOut } = encodeChat('gemini', { messages }, { model })
  return { ...json, leftOut }
}

function contents(messages: NonNullable<RequestInit['messages']>, model?: string): unknown {
  return encode(messages, model)['contents' as never]
}

describe('roles', () => {
  it('set the system and the developer apart from the turns', () => {
    expect(
      encode([
        { role: Role.SYSTEM, content: 'Be brief.' },
        { role: Role.USER, content: 'How far?', name: 'ann' },
        { role: Role.DEVELOPER, content: 'Use metric units.' },
        { role: Role.ASSISTANT, content: '5 km.' },
      ]),
    ).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Use metric units.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'How far?' }] },
        { role: 'model', parts: [{ text: '5 km.' }] },
      ],
      leftOut: ['messages[1].name'],
    })
  })

  it('join what one side says in a row, and pass over what says nothing', () => {
    expect(
      contents([
        { role: Role.USER, content: 'One.' },
        { role: Role.USER, content: '' },
        { role: Role.USER, content: 'Two.' },
        { role: Role.ASSISTANT, content: '' },
      ]),
    ).toEqual([{ role: 'user', parts: [{ text: 'One.' }, { text: 'Two.' }] }])
  })

  it('need some content', () => {
    expect(() => encode([{ role: Role.USER, content: '' }])).toThrow(
      expect.objectContaining({ reason: 'UNSUPPORTED', message: 'messages: the target needs a message with content' }),
    )
  })

  it('let the system speak as the user where there is nobody else, or the model knows no system', () => {
    expect(contents([{ role: Role.SYSTEM, content: 'Say hi.' }])).toEqual([
      { role: 'user', parts: [{ text: 'Say hi.' }] },
    ])
    const both = [
      { role: Role.SYSTEM, content: 'Be brief.' },
      { role: Role.USER, content: 'Hi.' },
    ]
    expect(encode(both, 'gemma-3-27b-it')).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Be brief.' }, { text: 'Hi.' }] }],
      leftOut: [],
    })
  })

  it('refuse anything but text of the system', () => {
    expect(() => contents([{ role: Role.SYSTEM, parts: [{ content: { case: 'image', value: image } }] }])).toThrow(
      'messages[0].parts[0]: the target takes only text here',
    )
  })
})

it('sends images, sounds and files as bytes or by where they are', () => {
  const parts = [
    { content: { case: 'text', value: 'What is this?' } },
    { content: { case: 'image', value: image } },
    { content: { case: 'audio', value: { source: { case: 'data', value: PNG }, mimeType: 'audio/wav' } } },
    { content: { case: 'image', value: { source: { case: 'url', value: 'https://x.test/a.png' } } } },
    { content: { case: 'file', value: { source: { case: 'url', value: 'gs://b/a' }, mimeType: 'video/mp4' } } },
  ] as const
  expect(contents([{ role: Role.USER, parts: [...parts] }])).toEqual([
    {
      role: 'user',
      parts: [
        { text: 'What is this?' },
        { inlineData: { mimeType: 'image/png', data: 'iVBORw==' } },
        { inlineData: { mimeType: 'audio/wav', data: 'iVBORw==' } },
        { fileData: { fileUri: 'https://x.test/a.png' } },
        { fileData: { mimeType: 'video/mp4', fileUri: 'gs://b/a' } },
      ],
    },
  ])
})

describe('an earlier answer', () => {
  const answer = {
    role: Role.ASSISTANT,
    content: 'Let me look.',
    parts: [{ content: { case: 'text', value: 'Let me look.' }, signature: 'dGV4dA==' }],
    reasoning: [{ text: 'A tool knows.', signature: 'dGhvdWdodA==' }],
    toolCalls: [
      { id: 'q1w2', name: 'weather', arguments: '{"10": 1, "2": 12345678901234567890}', signature: 'Y2FsbA==' },
      { id: 'e3r4', name: 'now', arguments: '' },
    ],
  } as const
  const question = { role: Role.USER, content: 'Well?' }

  it('goes back as it came: thoughts, text and calls with their signatures', () => {
    const { body } = encodeChat('gemini', {
      messages: [
        question,
        { ...answer, parts: [...answer.parts], reasoning: [...answer.reasoning], toolCalls: [...answer.toolCalls] },
      ],
    })
    expect(body).toBe(
      '{"contents":[{"role":"user","parts":[{"text":"Well?"}]},{"role":"model","parts":[' +
        '{"text":"A tool knows.","thought":true,"thoughtSignature":"dGhvdWdodA=="},' +
        '{"text":"Let me look.","thoughtSignature":"dGV4dA=="},' +
        '{"thoughtSignature":"Y2FsbA==","functionCall":{"id":"q1w2","name":"weather","args":{"10": 1, "2": 12345678901234567890}}},' +
        '{"functionCall":{"id":"e3r4","name":"now","args":{}}}]}]}',
    )
  })

  it('keeps its signed parts in their places, a signature without text too', () => {
    const parts = [
      { content: { case: 'image', value: image }, signature: 'aW1n' },
      { content: { case: 'text', value: '' }, signature: 'ZW5k' },
    ] as const
    expect(contents([question, { role: Role.ASSISTANT, parts: [...parts] }])).toMatchObject([
      {},
      {
        parts: [
          { inlineData: { mimeType: 'image/png', data: 'iVBORw==' }, thoughtSignature: 'aW1n' },
          { text: '', thoughtSignature: 'ZW5k' },
        ],
      },
    ])
  })

  it('sends its text before media that stand alone among the parts, and a refusal as text', () => {
    const parts = [{ content: { case: 'image', value: image } }] as const
    const refused = { role: Role.ASSISTANT, content: 'Here:', parts: [...parts], refusal: 'No more.' }
    expect(contents([question, refused])).toMatchObject([
      {},
      { parts: [{ text: 'Here:' }, { inlineData: {} }, { text: 'No more.' }] },
    ])
  })

  it('from another vendor loses what only that one reads, and is told so', () => {
    const foreign = {
      role: Role.ASSISTANT,
      content: 'Yes.',
      parts: [{ content: { case: 'text', value: 'Yes.' }, signature: '{"no": "base64"}' }] as const,
      reasoning: [{ text: 'Hm.', signature: 'not base64!' }, { redacted: 'zzz' }],
      toolCalls: [{ id: 'toolu_1', name: 'now', arguments: '{"cut', signature: '?' }],
    }
    expect(encode([question, { ...foreign, parts: [...foreign.parts] }])).toMatchObject({
      contents: [
        {},
        {
          parts: [
            { text: 'Hm.', thought: true },
            { text: 'Yes.' },
            { functionCall: { id: 'toolu_1', name: 'now', args: {} } },
          ],
        },
      ],
      leftOut: [
        'messages[1].parts[0].signature',
        'messages[1].reasoning[0].signature',
        'messages[1].reasoning[1]',
        'messages[1].tool_calls[0].arguments',
        'messages[1].tool_calls[0].signature',
      ],
    })
  })

  it('has a stand-in for the signature that later models want of the first call', () => {
    const toolCalls = [
      { id: 'a', name: 'now', arguments: '{}' },
      { id: 'b', name: 'now', arguments: '{}' },
    ]
    const messages = [question, { role: Role.ASSISTANT, toolCalls }]
    const first = {
      thoughtSignature: 'skip_thought_signature_validator',
      functionCall: { id: 'a', name: 'now', args: {} },
    }
    const second = { functionCall: { id: 'b', name: 'now', args: {} } }
    expect(contents(messages, 'gemini-3.8-flash')).toMatchObject([{}, { parts: [first, second] }])
    expect(contents(messages, 'gemini-2.5-flash')).toEqual([
      { role: 'user', parts: [{ text: 'Well?' }] },
      { role: 'model', parts: [{ functionCall: first.functionCall }, second] },
    ])
  })
})

describe('results of tools', () => {
  const call = (id: string, name: string) => ({ id, name, arguments: '{}' })
  const result = (toolCallId: string, content: string) => ({ role: Role.TOOL, toolCallId, content })

  it('stand in one turn, in the order of their calls, by the names of these', () => {
    expect(
      contents([
        { role: Role.USER, content: 'Well?' },
        { role: Role.ASSISTANT, toolCalls: [call('toolu_1', 'weather'), call('toolu_2', 'now')] },
        result('toolu_2', '12:00'),
        result('toolu_1', '{"celsius": 7}'),
        { role: Role.USER, content: 'Go on.' },
      ]),
    ).toMatchObject([
      {},
      {},
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'toolu_1', name: 'weather', response: { celsius: 7 } } },
          { functionResponse: { id: 'toolu_2', name: 'now', response: { output: '12:00' } } },
        ],
      },
      { role: 'user', parts: [{ text: 'Go on.' }] },
    ])
  })

  it('belong to the latest call of their id, and ids of this gateway stay at home', () => {
    const messages = [
      { role: Role.ASSISTANT, toolCalls: [call('call_0', 'weather')] },
      result('call_0', 'rain'),
      { role: Role.ASSISTANT, toolCalls: [call('call_0', 'now')] },
      result('call_0', '[1]'),
    ]
    expect(contents(messages)).toEqual([
      { role: 'model', parts: [{ functionCall: { name: 'weather', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: 'rain' } } }] },
      { role: 'model', parts: [{ functionCall: { name: 'now', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'now', response: { output: '[1]' } } }] },
    ])
  })

  it('without a call go by their own name, or not at all', () => {
    expect(contents([{ ...result('x', 'y'), name: 'now' }])).toMatchObject([
      { parts: [{ functionResponse: { id: 'x', name: 'now' } }] },
    ])
    expect(() => contents([result('x', 'y')])).toThrow(expect.objectContaining({ reason: 'UNSUPPORTED' }))
  })

  it('hold images where the model takes them there', () => {
    const parts = [
      { content: { case: 'text', value: 'A map.' } },
      { content: { case: 'image', value: image } },
    ] as const
    const messages = [{ role: Role.TOOL, toolCallId: 'x', name: 'map', parts: [...parts] }]
    expect(contents(messages, 'gemini-3.8-flash')).toMatchObject([
      {
        parts: [
          {
            functionResponse: {
              response: { output: 'A map.' },
              parts: [{ inlineData: { mimeType: 'image/png', data: 'iVBORw==' } }],
            },
          },
        ],
      },
    ])
    expect(() => contents(messages, 'gemini-2.5-flash')).toThrow('messages[0].parts[1]')
  })
})

it('encodes any conversation, or says what it cannot carry', () => {
  const text = fc.string({ maxLength: 8 })
  const media = fc.oneof(
    text.map((value) => ({ source: { case: 'url', value } }) as const),
    fc.uint8Array({ maxLength: 4 }).map((value) => ({ source: { case: 'data', value }, mimeType: 'a/b' }) as const),
  )
  const content = fc.oneof(
    text.map((value) => ({ case: 'text', value }) as const),
    fc.record({ case: fc.constantFrom('image', 'audio', 'file'), value: media }),
  )
  const message = fc.record({
    role: fc.constantFrom(Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT, Role.TOOL),
    content: text,
    parts: fc.array(fc.record({ content, signature: text }), { maxLength: 3 }),
    reasoning: fc.array(fc.record({ text, signature: text, redacted: text }), { maxLength: 2 }),
    toolCalls: fc.array(fc.record({ id: text, name: text, arguments: text, signature: text }), { maxLength: 3 }),
    toolCallId: text,
    name: text,
    refusal: text,
  })
  const models = fc.constantFrom('gemini-2.5-flash', 'gemini-3.8-flash', 'gemma-3-27b-it')
  let sent = 0
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), models, (messages, model) => {
      try {
        const { json } = encodeChat(
          'gemini',
          { messages: messages.map((each) => create(MessageSchema, each)) },
          { model },
        )
        expect(json['contents']).toBeInstanceOf(Array)
        sent++
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
        expect(error).toMatchObject({ reason: 'UNSUPPORTED' })
      }
    }),
    { numRuns: 500 },
  )
  expect(sent).toBeGreaterThan(50)
})
