import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { type Decoded, decodeStream, decodeWhole, sse } from '../../../support/decode.ts'
import { encodeChat, wireOf } from '../../../support/encode.ts'

const wire = wireOf('gemini')

/** A reply with these parts of the answer, and what else the candidate holds. */
function reply(parts: readonly object[], candidate: object = {}, more: object = {}) {
  return { candidates: [{ content: { role: 'model', parts }, ...candidate }], ...more }
}

const STOP = { finishReason: 'STOP' }

async function whole(body: unknown): Promise<Decoded & { message: NonNullable<Decoded['response']>['message'] }> {
  const decoded = await decodeWhole(wire, body)
  return { ...decoded, message: decoded.response?.message }
}

const stream = (...replies: readonly unknown[]) => decodeStream(wire, [sse(...replies)])

describe('an answer', () => {
  it('is told with its id, its model and its tokens', async () => {
    const usageMetadata = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 5,
      cachedContentTokenCount: 4,
      candidatesTokenCount: 2,
      thoughtsTokenCount: 3,
      totalTokenCount: 20,
    }
    const { response } = await whole(
      reply([{ text: 'Hi.' }], STOP, { responseId: 'r1', modelVersion: 'models/gemini-2.5-flash', usageMetadata }),
    )
    expect(response).toMatchObject({
      message: { content: 'Hi.', parts: [], toolCalls: [] },
      finishReason: FinishReason.STOP,
      rawFinishReason: 'STOP',
      usage: { input: 15, output: 5, cachedInput: 4, reasoning: 3, total: 20, estimated: false },
      route: { upstreamId: 'r1', responseModel: 'gemini-2.5-flash' },
    })
  })

  it('is joined from the replies of a stream, with the last count of each sort', async () => {
    const { response, events } = await stream(
      reply([{ text: 'Olá, ' }], {}, { usageMetadata: { promptTokenCount: 8, thoughtsTokenCount: 3 } }),
      reply([{ text: 'mundo.' }], {}, { usageMetadata: { promptTokenCount: 8, totalTokenCount: 11 } }),
      {
        candidates: [{ ...STOP }],
        usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 2, totalTokenCount: 12 },
      },
    )
    expect(events.map(({ event }) => event.case)).toEqual(['start', 'text', 'text', 'finish'])
    expect(response).toMatchObject({
      message: { content: 'Olá, mundo.' },
      usage: { input: 7, output: 5, reasoning: 3, total: 12, estimated: false },
    })
  })

  it('keeps thoughts apart from the text, a block until it is signed or the text begins', async () => {
    const { response } = await stream(
      reply([{ text: 'First ', thought: true }]),
      reply([{ text: 'thought.', thought: true, thoughtSignature: 'czE=' }]),
      reply([{ text: 'Second.', thought: true }]),
      reply([{ text: 'Well. ' }]),
      reply([{ text: 'Third.', thought: true }, { text: 'Done.' }], STOP),
    )
    expect(response?.message).toMatchObject({
      content: 'Well. Done.',
      reasoning: [{ text: 'First thought.', signature: 'czE=' }, { text: 'Second.' }, { text: 'Third.' }],
    })
  })

  it('keeps signatures of its text, of which the last comes alone', async () => {
    const { response } = await stream(
      reply([{ text: 'Hello' }]),
      reply([{ text: '!', thoughtSignature: 'czE=' }]),
      reply([{ text: '', thoughtSignature: 'czI=' }], STOP),
    )
    expect(response?.message).toMatchObject({
      content: 'Hello!',
      parts: [
        { content: { value: 'Hello!' }, signature: 'czE=' },
        { content: { value: '' }, signature: 'czI=' },
      ],
    })
  })

  it('holds calls of tools, with ids where the vendor gives none', async () => {
    const { response } = await whole(
      reply(
        [
          { functionCall: { name: 'weather', args: { city: 'Oslo' } }, thoughtSignature: 'czE=' },
          { functionCall: { id: 'q1w2', name: 'now' } },
        ],
        STOP,
      ),
    )
    expect(response).toMatchObject({
      finishReason: FinishReason.TOOL_CALLS,
      rawFinishReason: 'STOP',
      message: {
        toolCalls: [
          { id: 'call_0', name: 'weather', arguments: '{"city":"Oslo"}', signature: 'czE=' },
          { id: 'q1w2', name: 'now', arguments: '{}', signature: '' },
        ],
      },
    })
  })

  it('holds calls whose arguments came in pieces, each at its place', async () => {
    const piece = (functionCall: object, rest: object = {}) => reply([{ functionCall, ...rest }])
    const at = (jsonPath: string, value: object) => ({ partialArgs: [{ jsonPath, ...value }], willContinue: true })
    const { response } = await stream(
      piece({ name: 'book', willContinue: true }, { thoughtSignature: 'czA=' }),
      piece(at('$.city', { stringValue: 'New ', willContinue: true })),
      piece(at('$.city', { stringValue: 'Delhi' })),
      piece(at('$.days[1].rain', { boolValue: true })),
      piece(at('$.days[0].heat', { numberValue: 0 })),
      piece(at("$['a.b']", { nullValue: 'NULL_VALUE' })),
      piece({}),
      piece({ name: 'now', args: {} }),
      piece({ name: 'later', partialArgs: [{ jsonPath: '$.__proto__.x', stringValue: 'y' }], willContinue: true }),
      reply([], STOP),
    )
    expect(response?.message?.toolCalls).toMatchObject([
      {
        id: 'call_0',
        name: 'book',
        arguments: '{"city":"New Delhi","days":[{"heat":0},{"rain":true}],"a.b":null}',
        signature: 'czA=',
      },
      { id: 'call_1', name: 'now', arguments: '{}' },
      { id: 'call_2', name: 'later', arguments: '{"__proto__":{"x":"y"}}' },
    ])
  })

  it('gives no name of the vendor a way to a prototype', async () => {
    const paths = ['$.a[0]', '$.a.__proto__.x', '$.__proto__.x', '$.constructor.prototype.x', '$[0].x', '$.a[0].x']
    const partialArgs = paths.map((jsonPath) => ({ jsonPath, numberValue: 1 }))
    const { message } = await whole(reply([{ functionCall: { name: 'f', partialArgs } }], STOP))
    expect(message?.toolCalls[0]?.arguments).toBe(
      '{"a":[{"x":1}],"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}',
    )
    for (const { prototype } of [Object, Array]) expect(Object.hasOwn(prototype, 'x')).toBe(false)
  })

  it.each(['', '$', '$.a[99999999]', `$${'.a'.repeat(200)}`, 7])('passes over a piece at %s', async (jsonPath) => {
    const call = { name: 'f', partialArgs: [{ jsonPath, stringValue: 'x' }, null] }
    const { message } = await whole(reply([{ functionCall: call }], STOP))
    expect(message?.toolCalls).toMatchObject([{ name: 'f', arguments: '{}' }])
  })

  it('holds images and sounds in their places, but no drafts of them', async () => {
    const { message } = await whole(
      reply(
        [
          { inlineData: { mimeType: 'image/png', data: 'ZHJhZnQ=' }, thought: true },
          { text: 'Here:' },
          { inlineData: { mimeType: 'image/png', data: 'iVBORw==' }, thoughtSignature: 'czE=' },
          { inlineData: { mimeType: 'audio/L16;codec=pcm;rate=24000', data: 'AAA=' } },
        ],
        STOP,
      ),
    )
    expect(message).toMatchObject({
      content: 'Here:',
      reasoning: [],
      parts: [
        { content: { case: 'text', value: 'Here:' } },
        {
          content: {
            case: 'image',
            value: { source: { value: Buffer.from('iVBORw==', 'base64') }, mimeType: 'image/png' },
          },
          signature: 'czE=',
        },
        { content: { case: 'audio', value: { mimeType: 'audio/L16;codec=pcm;rate=24000' } } },
      ],
    })
  })

  it('tells of parts that have no place', async () => {
    const { response, warnings } = await whole(reply([{ executableCode: { code: '1' } }, { text: '1' }], STOP))
    expect(response?.message?.content).toBe('1')
    expect(warnings).toEqual([expect.stringContaining('were left out')])
  })

  it.each([
    [{ executableCode: { code: '1' }, thoughtSignature: 'czA=' }, 1],
    [{ fileData: { fileUri: 'https://a.example' } }, 1],
    [{ thoughtSignature: 'czA=' }, 0],
    [{ text: 'a', partMetadata: {} }, 0],
    [{}, 0],
  ])('tells of what is lost in %j, and of nothing else', async (part, count) => {
    expect((await whole(reply([part], STOP))).warnings).toHaveLength(count)
  })

  it('reads no candidate but the first', async () => {
    const candidates = [
      { index: 1, content: { parts: [{ text: 'other' }] } },
      { index: 0, content: { parts: [{ text: 'first' }] }, ...STOP },
    ]
    expect((await whole({ candidates })).message?.content).toBe('first')
  })

  it('goes back to the vendor as it came', async () => {
    const parts = [
      { text: 'Hm.', thought: true, thoughtSignature: 'czA=' },
      { text: 'Look:', thoughtSignature: 'czE=' },
      { inlineData: { mimeType: 'image/png', data: 'iVBORw==' }, thoughtSignature: 'czI=' },
      { functionCall: { id: 'q1w2', name: 'now', args: { a: 1 } }, thoughtSignature: 'czM=' },
    ]
    const { message } = await whole(reply(parts, STOP))
    if (!message) throw new Error('no answer')
    expect(encodeChat('gemini', { messages: [message] }).json['contents']).toEqual([{ role: 'model', parts }])
  })
})

describe('where an answer comes from', () => {
  it('is what it recites', async () => {
    const citationSources = [
      { endIndex: 9, uri: 'https://a.test', license: 'mit' },
      { startIndex: 4, endIndex: 8 },
      { startIndex: 4, endIndex: 8, uri: 'https://b.test', title: 'B' },
    ]
    const recited = { citationMetadata: { citationSources } }
    const { response } = await stream(reply([{ text: 'x' }], recited), reply([{ text: 'y' }], { ...recited, ...STOP }))
    expect(response?.message?.citations).toMatchObject([
      { url: 'https://a.test', start: 0, end: 9 },
      { url: 'https://b.test', title: 'B', start: 4, end: 8 },
    ])
  })

  it('is what it found, each statement with its sources', async () => {
    const groundingMetadata = {
      groundingChunks: [
        { web: { uri: 'https://a.test', title: 'A' } },
        { retrievedContext: { uri: 'gs://b/c', title: 'C', text: 'quoted' } },
        { maps: { uri: 'https://maps.test', title: 'M' } },
      ],
      groundingSupports: [
        { segment: { endIndex: 5, text: 'Hello' }, groundingChunkIndices: [0, 1, 99, 'x'] },
        { segment: { startIndex: 6, endIndex: 9 }, groundingChunkIndices: [0] },
      ],
    }
    const { message } = await whole(reply([{ text: 'x' }], { groundingMetadata, ...STOP }))
    expect(message?.citations.map(({ url, text, start, end }) => [url, text, start, end])).toEqual([
      ['https://a.test', '', 0, 5],
      ['gs://b/c', 'quoted', 0, 5],
      ['https://a.test', '', 6, 9],
      ['https://maps.test', '', undefined, undefined],
    ])
  })
})

describe('the end', () => {
  it.each([
    ['STOP', FinishReason.STOP],
    ['MAX_TOKENS', FinishReason.LENGTH],
    ...[
      'SAFETY',
      'RECITATION',
      'BLOCKLIST',
      'PROHIBITED_CONTENT',
      'SPII',
      'IMAGE_SAFETY',
      'IMAGE_PROHIBITED_CONTENT',
      'IMAGE_RECITATION',
    ].map((raw) => [raw, FinishReason.CONTENT_FILTER] as const),
    ['MALFORMED_FUNCTION_CALL', FinishReason.OTHER],
    ['UNEXPECTED_TOOL_CALL', FinishReason.OTHER],
    ['LANGUAGE', FinishReason.OTHER],
    ['toString', FinishReason.OTHER],
  ] as const)('%s', async (finishReason, expected) => {
    const { response } = await whole(reply([{ text: 'x' }], { finishReason }))
    expect(response).toMatchObject({ finishReason: expected, rawFinishReason: finishReason })
  })

  it('of a question that the vendor does not answer is its filter', async () => {
    const blocked = { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: { promptTokenCount: 3 } }
    for (const { response } of [await whole(blocked), await stream(blocked)]) {
      expect(response).toMatchObject({
        finishReason: FinishReason.CONTENT_FILTER,
        rawFinishReason: 'PROHIBITED_CONTENT',
        message: { content: '' },
        usage: { input: 3 },
      })
    }
  })

  it.each([
    [{ candidates: [{ content: {}, index: 0 }], promptFeedback: { safetyRatings: [] } }],
    [{ candidates: [] }],
    [{ usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 }, modelVersion: 'gemini-2.5-pro' }],
    [{ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', index: 0 }] }],
    [{ candidates: [{ content: { parts: [] }, finishReason: 'UNEXPECTED_TOOL_CALL' }] }],
  ])('of an answer without anything is malformed: %j', async (body) => {
    for (const { error } of [await whole(body), await stream(body)]) expect(error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it('of a stream that says no reason is a cut', async () => {
    const { error, events } = await stream(reply([{ text: 'Half an ans' }]))
    expect(error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
    expect(events.map(({ event }) => event.case)).toEqual(['start', 'text'])
    expect((await stream()).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })

  it('comes with the last of several replies that all name it', async () => {
    const { response } = await stream(reply([{ text: 'a' }], STOP), reply([{ text: 'b' }], STOP))
    expect(response?.message?.content).toBe('ab')
  })

  it("may be told in OpenAI's way by a server that imitates the vendor", async () => {
    const { response } = await decodeStream(wire, [sse(reply([{ text: 'a' }], STOP), '[DONE]', 'nothing more')])
    expect(response?.message?.content).toBe('a')
    expect((await decodeStream(wire, [sse(reply([{ text: 'a' }]), '[DONE]')])).error?.reason).toBe(
      'UPSTREAM_STREAM_TRUNCATED',
    )
  })

  it('of a stream whose framing was lost on the way is found too', async () => {
    const { message } = await whole([reply([{ text: 'a' }]), reply([{ text: 'b' }], STOP)])
    expect(message?.content).toBe('ab')
  })
})

describe('a failure in a reply', () => {
  const failure = (code: number, status: string) => ({ error: { code, status, message: 'The model is overloaded.' } })

  it('that stands bare at the end of a stream is told, and what came before it stays', async () => {
    const bare = JSON.stringify(failure(503, 'UNAVAILABLE'), undefined, 2)
    const body = Buffer.concat([sse(reply([{ text: 'Half ' }])), Buffer.from(bare)])
    const { events, error } = await decodeStream(wire, [body])
    expect(events.map(({ event }) => event.case)).toEqual(['start', 'text'])
    expect(error).toMatchObject({ reason: 'UPSTREAM_STREAM_ERROR', facts: { upstream: { code: 'UNAVAILABLE' } } })
  })

  it('may stand bare in a list', async () => {
    const bare = JSON.stringify([failure(429, 'RESOURCE_EXHAUSTED')], undefined, 2)
    expect((await decodeStream(wire, [Buffer.from(bare)])).error?.reason).toBe('UPSTREAM_RATE_LIMITED')
  })

  it.each([
    ['UNAUTHENTICATED', 'UPSTREAM_CREDENTIALS'],
    ['PERMISSION_DENIED', 'UPSTREAM_FORBIDDEN'],
    ['INVALID_ARGUMENT', 'UPSTREAM_INVALID_REQUEST'],
    ['NOT_FOUND', 'UPSTREAM_MODEL_MISSING'],
    ['DEADLINE_EXCEEDED', 'UPSTREAM_GATEWAY'],
  ])('without a code means what its status %s says', async (status, reason) => {
    expect((await stream({ error: { status } })).error?.reason).toBe(reason)
  })

  it.each([
    [429, 'RESOURCE_EXHAUSTED', 'UPSTREAM_RATE_LIMITED'],
    [503, 'UNAVAILABLE', 'UPSTREAM_OVERLOADED'],
    [500, 'INTERNAL', 'UPSTREAM_ERROR'],
  ])('before the answer means what the status %i means', async (code, status, reason) => {
    expect((await stream(failure(code, status))).error?.reason).toBe(reason)
    expect((await whole([failure(code, status)])).error?.reason).toBe(reason)
  })
})

describe('nonsense', () => {
  it.each([[null], ['text'], [3], [[]], [{}], [{ candidates: null }]])(
    'as a body is told as such: %j',
    async (body) => {
      expect((await whole(body)).error?.reason).toBe('UPSTREAM_MALFORMED')
    },
  )

  it.each(['null', '3', '"text"', '{"candidates":['])('in a frame is told as such: %s', async (data) => {
    expect((await stream(reply([{ text: 'x' }]), data)).error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it('never makes a decoder throw, and always ends in an answer or an error', async () => {
    const keys = [
      'candidates',
      'content',
      'parts',
      'text',
      'thought',
      'thoughtSignature',
      'functionCall',
      'name',
      'args',
      'id',
      'inlineData',
      'mimeType',
      'data',
      'finishReason',
      'index',
      'usageMetadata',
      'promptTokenCount',
      'thoughtsTokenCount',
      'candidatesTokenCount',
      'promptFeedback',
      'blockReason',
      'citationMetadata',
      'citationSources',
      'groundingMetadata',
      'groundingChunks',
      'groundingSupports',
      'groundingChunkIndices',
      'segment',
      'web',
      'uri',
      'error',
      'details',
    ]
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 6 }),
    })).value
    await fc.assert(
      fc.asyncProperty(fc.array(json, { maxLength: 5 }), async (values) => {
        for (const { response, error } of [
          await stream(...values.map((value) => JSON.stringify(value))),
          await decodeWhole(wire, values[0]),
        ]) {
          expect([response, error].filter((ending) => ending !== undefined)).toHaveLength(1)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('nested a hundred thousand deep is survived', async () => {
    const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`
    for (const data of [
      deep,
      `{"error":${deep}}`,
      `{"candidates":[{"content":{"parts":[{"functionCall":{"args":${deep}}}]}}]}`,
    ]) {
      const { response, error } = await stream(data, reply([], STOP))
      expect(response ?? error).toBeDefined()
    }
  })
})

it('any chunking of the bytes gives the same answer', async () => {
  const bytes = Buffer.concat([
    sse(
      reply([{ text: 'Überlegung 🤔', thought: true }]),
      reply([{ text: 'Olá, ' }]),
      reply([{ text: '世界 🎉', thoughtSignature: 'czE=' }]),
      reply([{ functionCall: { name: 'f', args: { é: 'ü' } } }]),
      reply([], STOP, { usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2 } }),
    ),
    Buffer.from('{"responseId":\n "r1"}\n'),
  ])
  const shown = ({ response }: Decoded) =>
    response && [response.message, response.finishReason, response.usage, response.route?.upstreamId]
  const expected = shown(await decodeStream(wire, [bytes]))
  expect(expected).toMatchObject([{ content: 'Olá, 世界 🎉' }, FinishReason.TOOL_CALLS, { input: 3 }, 'r1'])
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 60 }), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
      expect(shown(await decodeStream(wire, chunks))).toEqual(expected)
    }),
  )
})
