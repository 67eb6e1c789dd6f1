import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import { Role } from '../../../../src/domain/types.ts'
import { encodeChat, type RequestInit } from '../../../support/encode.ts'

const PNG = new Uint8Array([137, 80, 78, 71])
const MODEL = 'claude-sonnet-4-5'

type Messages = NonNullable<RequestInit['messages']>

function encode(messages: Messages, model = MODEL) {
  return encodeChat('anthropic', { messages }, { model })
}

function messages(init: Messages, model = MODEL): unknown {
  return encode(init, model).json['messages']
}

const text = (value: string) => ({ type: 'text', text: value })
const textPart = (value: string, more: object = {}) => ({ content: { case: 'text', value }, ...more }) as const

describe('roles', () => {
  it('collects what the system and the developer say, wherever they say it', () => {
    const { json } = encode([
      { role: Role.SYSTEM, content: 'Be brief.' },
      { role: Role.USER, content: 'Hi.' },
      { role: Role.DEVELOPER, content: 'Use metric units.' },
    ])
    expect(json['system']).toEqual([text('Be brief.'), text('Use metric units.')])
    expect(json['messages']).toEqual([{ role: 'user', content: [text('Hi.')] }])
  })

  it('lets the system speak as the user where nobody else speaks', () => {
    const { json } = encode([{ role: Role.SYSTEM, content: 'Write a poem.' }])
    expect(json).not.toHaveProperty('system')
    expect(json['messages']).toEqual([{ role: 'user', content: [text('Write a poem.')] }])
  })

  it('makes one turn of what one side says in a row', () => {
    expect(
      messages([
        { role: Role.USER, content: 'One.' },
        { role: Role.USER, content: 'Two.' },
        { role: Role.ASSISTANT, content: 'Three.' },
        { role: Role.ASSISTANT, content: 'Four.' },
        { role: Role.USER, content: 'Five.' },
      ]),
    ).toEqual([
      { role: 'user', content: [text('One.'), text('Two.')] },
      { role: 'assistant', content: [text('Three.'), text('Four.')] },
      { role: 'user', content: [text('Five.')] },
    ])
  })

  it('leaves names out, and says so', () => {
    expect(encode([{ role: Role.USER, content: 'Hi.', name: 'ann' }]).leftOut).toEqual(['messages[0].name'])
  })

  it('passes over blank texts and what has no content', () => {
    expect(
      messages([
        { role: Role.USER, content: 'Hi.' },
        { role: Role.ASSISTANT, content: '' },
        { role: Role.USER, parts: [textPart(' \n'), textPart('Are you there?')] },
      ]),
    ).toEqual([{ role: 'user', content: [text('Hi.'), text('Are you there?')] }])
  })

  it('needs some content', () => {
    expect(() => encode([{ role: Role.USER, content: ' ' }])).toThrow('messages: the target needs')
  })
})

describe('content', () => {
  const media = (kind: 'image' | 'file' | 'audio', value: object): Messages =>
    // The pairs of a kind and a value below are those of the contract.
    [{ role: Role.USER, parts: [{ content: { case: kind, value } }] }] as Messages

  it.each([
    [
      'an image',
      media('image', { source: { case: 'data', value: PNG }, mimeType: 'image/png' }),
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw==' } },
    ],
    [
      'an image with a common other name of its type',
      media('image', { source: { case: 'data', value: PNG }, mimeType: 'image/jpg' }),
      { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'iVBORw==' } },
    ],
    [
      'an image by its address',
      media('image', { source: { case: 'url', value: 'https://x.test/a.png' } }),
      { type: 'image', source: { type: 'url', url: 'https://x.test/a.png' } },
    ],
    [
      'a PDF',
      media('file', { source: { case: 'data', value: PNG }, mimeType: 'application/pdf', name: 'a.pdf' }),
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'iVBORw==' },
        title: 'a.pdf',
      },
    ],
    [
      'a PDF by its address',
      media('file', { source: { case: 'url', value: 'https://x.test/a.pdf' }, mimeType: 'application/pdf' }),
      { type: 'document', source: { type: 'url', url: 'https://x.test/a.pdf' } },
    ],
    [
      'a text file',
      media('file', { source: { case: 'data', value: Buffer.from('é,ü') }, mimeType: 'text/csv; charset=utf-8' }),
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'é,ü' } },
    ],
  ])('sends %s', (_what, init, block) => {
    expect(messages(init)).toEqual([{ role: 'user', content: [block] }])
  })

  it.each([
    ['an image of another type', media('image', { source: { case: 'data', value: PNG }, mimeType: 'image/tiff' })],
    ['an address that is not https', media('image', { source: { case: 'url', value: 'http://x.test/a.png' } })],
    ["another vendor's address", media('image', { source: { case: 'url', value: 'gs://bucket/a.png' } })],
    ['a file of another type', media('file', { source: { case: 'data', value: PNG }, mimeType: 'application/zip' })],
    [
      'a text file by its address',
      media('file', { source: { case: 'url', value: 'https://x.test' }, mimeType: 'text/plain' }),
    ],
    ['a sound', media('audio', { source: { case: 'data', value: PNG }, mimeType: 'audio/wav' })],
  ])('refuses %s', (_what, init) => {
    expect(() => encode(init)).toThrow(expect.objectContaining({ reason: 'UNSUPPORTED' }))
    expect(() => encode(init)).toThrow(/^messages\[0\]\.parts\[0\]: /)
  })
})

describe('an answer that is sent back', () => {
  const question = { role: Role.USER, content: 'Weather in Rome and Oslo?' }

  it('is the answer as it was: thinking, text, calls', () => {
    expect(
      messages([
        question,
        {
          role: Role.ASSISTANT,
          content: 'Let me look.',
          reasoning: [{ text: 'Two cities.', signature: 'c2ln' }, { redacted: 'ZW5j' }, { signature: 'b21pdHRlZA==' }],
          toolCalls: [{ id: 'toolu_1', name: 'weather', arguments: '{"b": 1, "a": 12345678901234567890}' }],
        },
        { role: Role.TOOL, toolCallId: 'toolu_1', content: 'Sun.' },
      ]),
    ).toMatchObject([
      {},
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Two cities.', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'ZW5j' },
          { type: 'thinking', thinking: '', signature: 'b21pdHRlZA==' },
          text('Let me look.'),
          { type: 'tool_use', id: 'toolu_1', name: 'weather' },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [text('Sun.')] }] },
    ])
  })

  it('keeps the arguments of a call to the letter', () => {
    const { body } = encode([
      question,
      { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'f', arguments: '{"2": 1, "1": 12345678901234567890}' }] },
      { role: Role.TOOL, toolCallId: 'a', content: 'x' },
    ])
    expect(body).toContain('"input":{"2": 1, "1": 12345678901234567890}')
  })

  it.each([
    ['', {}],
    ['{"city": "Ro', { INVALID_JSON: '{"city": "Ro' }],
    ['[1]', { INVALID_JSON: '[1]' }],
  ])('has an object as the input of a call: %s', (given, input) => {
    expect(
      messages([question, { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'f', arguments: given }] }, question]),
    ).toMatchObject([{}, { content: [{ type: 'tool_use', input }] }, {}])
  })

  it('of another vendor loses what only that vendor can read', () => {
    expect(
      messages([
        question,
        {
          role: Role.ASSISTANT,
          content: 'Fine.',
          reasoning: [{ text: 'unsigned' }, { redacted: '{"type":"reasoning.encrypted","data":"x"}' }],
          refusal: 'But no.',
          parts: [textPart('Fine.', { signature: 'signature' })],
        },
        question,
      ]),
    ).toMatchObject([{}, { role: 'assistant', content: [text('Fine.'), text('But no.')] }, {}])
  })

  it('of another vendor gets ids and names that this one takes', () => {
    const call = (id: string) => ({ role: Role.ASSISTANT, toolCalls: [{ id, name: 'default_api.look up' }] })
    const result = (id: string) => ({ role: Role.TOOL, toolCallId: id, content: 'x' })
    const ids = (messages([question, call('functions.f:0'), result('functions.f:0')]) as { content: object[] }[])
      .slice(1)
      .flatMap(({ content }) => content) as { id?: string; tool_use_id?: string; name?: string }[]
    expect(ids[0]?.id).toMatch(/^[a-zA-Z0-9_-]+$/)
    expect(ids[0]?.name).toBe('default_api_look_up')
    expect(ids[1]?.tool_use_id).toBe(ids[0]?.id)
  })

  it('keeps ids apart that begin anew with every answer', () => {
    const turn = [
      { role: Role.ASSISTANT, toolCalls: [{ id: 'call_0', name: 'f' }] },
      { role: Role.TOOL, toolCallId: 'call_0', content: 'x' },
    ]
    expect(messages([question, ...turn, ...turn, ...turn])).toMatchObject([
      {},
      { content: [{ id: 'call_0' }] },
      { content: [{ tool_use_id: 'call_0' }] },
      { content: [{ id: 'call_0_2' }] },
      { content: [{ tool_use_id: 'call_0_2' }] },
      { content: [{ id: 'call_0_3' }] },
      { content: [{ tool_use_id: 'call_0_3' }] },
    ])
  })

  it('cannot hold an image that another model made', () => {
    const image = {
      content: { case: 'image', value: { source: { case: 'data', value: PNG }, mimeType: 'image/png' } },
    } as const
    expect(() => encode([question, { role: Role.ASSISTANT, parts: [image] }, question])).toThrow(
      'messages[1].parts[0]: the target takes only text in an earlier answer',
    )
  })
})

describe('results of parallel calls', () => {
  it('stand at the beginning of one turn, in whatever order they come', () => {
    expect(
      messages([
        { role: Role.USER, content: 'Go.' },
        { role: Role.ASSISTANT, toolCalls: ['a', 'b'].map((id) => ({ id, name: 'f', arguments: '{}' })) },
        { role: Role.TOOL, toolCallId: 'b', content: 'B' },
        { role: Role.USER, content: 'Hurry.' },
        { role: Role.TOOL, toolCallId: 'a', content: '' },
      ]),
    ).toMatchObject([
      {},
      {},
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'b', content: [text('B')] },
          { type: 'tool_result', tool_use_id: 'a' },
          text('Hurry.'),
        ],
      },
    ])
  })
})

describe('an answer that is begun', () => {
  const begun = [
    { role: Role.USER, content: 'Count.' },
    { role: Role.ASSISTANT, content: 'One, two, ' },
  ]

  it('is continued, without white space at its end', () => {
    expect(messages(begun)).toMatchObject([{}, { role: 'assistant', content: [text('One, two,')] }])
  })

  it.each(['claude-opus-4-6', 'claude-sonnet-5', 'claude-haiku-5-5'])('is refused for %s', (model) => {
    expect(() => encode(begun, model)).toThrow('messages[1]: the target does not continue an answer that is begun')
  })
})

describe('marks for the cache', () => {
  const ttl = (seconds: number) => ({ cacheTtl: { seconds: BigInt(seconds), nanos: 0 } })
  const marked = (value: string, seconds: number) => ({ role: Role.USER, parts: [textPart(value, ttl(seconds))] })

  it.each([
    [60, { type: 'ephemeral' }],
    [300, { type: 'ephemeral' }],
    [301, { type: 'ephemeral', ttl: '1h' }],
  ])('of %i s', (seconds, cacheControl) => {
    const { json } = encode([
      { role: Role.SYSTEM, parts: [textPart('Long.', ttl(seconds))] },
      { role: Role.USER, content: 'Hi.' },
    ])
    expect(json['system']).toEqual([{ ...text('Long.'), cache_control: cacheControl }])
  })

  it('stand on results as a whole', () => {
    expect(
      messages([
        { role: Role.USER, content: 'Go.' },
        { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'f' }] },
        { role: Role.TOOL, toolCallId: 'a', parts: [textPart('Long.', ttl(60))] },
      ]),
    ).toMatchObject([
      {},
      {},
      { content: [{ type: 'tool_result', content: [text('Long.')], cache_control: { type: 'ephemeral' } }] },
    ])
  })

  it('are kept where they are the last four, and the others named', () => {
    const { json, leftOut } = encode(['a', 'b', 'c', 'd', 'e', 'f'].map((value) => marked(value, 60)))
    const [turn] = json['messages'] as [{ content: object[] }]
    expect(turn.content.map((block) => 'cache_control' in block)).toEqual([false, false, true, true, true, true])
    expect(leftOut).toEqual(['messages[0].parts[0].cache_ttl', 'messages[1].parts[0].cache_ttl'])
  })

  it('last no longer than those before them, as the vendor demands', () => {
    const [turn] = messages([marked('a', 3600), marked('b', 60), marked('c', 3600)]) as [{ content: object[] }]
    expect(turn.content).toMatchObject([
      { cache_control: { ttl: '1h' } },
      { cache_control: { type: 'ephemeral' } },
      { cache_control: { type: 'ephemeral' } },
    ])
    expect(turn.content[2]).not.toHaveProperty('cache_control.ttl')
  })
})

it('any conversation can be sent, or is said to be unsupported', () => {
  const words = fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('', ' ', 'call_0', '{"a":1}', 'c2ln'))
  const source = fc.oneof(
    fc.record({ case: fc.constant('data' as const), value: fc.uint8Array({ maxLength: 4 }) }),
    fc.record({ case: fc.constant('url' as const), value: fc.constantFrom('https://x.test', 'gs://x/y') }),
  )
  const media = fc.record({
    source,
    mimeType: fc.constantFrom('', 'image/png', 'application/pdf', 'text/plain', 'audio/wav'),
    transcript: words,
  })
  const part = fc.record({
    content: fc.oneof(
      fc.record({ case: fc.constant('text' as const), value: words }),
      fc.record({ case: fc.constantFrom('image' as const, 'audio' as const, 'file' as const), value: media }),
    ),
    cacheTtl: fc.option(fc.record({ seconds: fc.bigInt(0n, 4000n), nanos: fc.nat(10) }), { nil: undefined }),
    signature: words,
  })
  const message = fc.record({
    role: fc.constantFrom(Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT, Role.TOOL),
    content: words,
    parts: fc.array(part, { maxLength: 3 }),
    reasoning: fc.array(fc.record({ text: words, signature: words, redacted: words }), { maxLength: 2 }),
    toolCalls: fc.array(fc.record({ id: words, name: words, arguments: words }), { maxLength: 2 }),
    toolCallId: words,
    name: words,
    refusal: words,
  })
  const model = fc.constantFrom('claude-sonnet-4-5', 'claude-opus-5-5', 'minimax-m2')
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), model, (init, name) => {
      try {
        // What fast-check makes has the shape of messages, but for `undefined` in optional fields.
        const turns = messages(init as Messages, name) as { role: string; content: object[] }[]
        expect(turns.every(({ content }) => content.length > 0)).toBe(true)
        expect(turns.every(({ role }, index) => role !== turns[index + 1]?.role)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
        expect(error).toHaveProperty('reason', 'UNSUPPORTED')
      }
    }),
    { numRuns: 1000 },
  )
})
