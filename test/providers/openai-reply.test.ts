import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../src/domain/types.ts'
import { type Decoded, decodeStream, decodeWhole, sse } from '../support/decode.ts'
import { wireOf } from '../support/encode.ts'

const wire = wireOf('openai')

function whole(message: unknown, rest: object = {}): Promise<Decoded> {
  return decodeWhole(wire, {
    id: 'id-1',
    model: 'm-1',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    ...rest,
  })
}

function stream(...chunks: readonly unknown[]): Promise<Decoded> {
  return decodeStream(wire, [sse(...chunks)])
}

function delta(fields: object, rest: object = {}): object {
  return { id: 'id-1', model: 'm-1', choices: [{ index: 0, delta: fields, finish_reason: null, ...rest }] }
}

const STOP = delta({}, { finish_reason: 'stop' })

describe('an answer', () => {
  it('is read whole', async () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 4,
      total_tokens: 14,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 0 },
    }
    const { response } = await whole({ role: 'assistant', content: 'Hello.', refusal: null }, { usage })
    expect(response).toMatchObject({
      message: { content: 'Hello.', refusal: '' },
      finishReason: FinishReason.STOP,
      rawFinishReason: 'stop',
      usage: { input: 10, output: 4, cachedInput: 8, reasoning: 0, total: 14, estimated: false },
      route: { upstreamId: 'id-1', responseModel: 'm-1' },
    })
    expect(response?.usage).not.toHaveProperty('cacheWrite')
  })

  it('is read in chunks, its usage after its end', async () => {
    const { response } = await stream(
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo.' }),
      STOP,
      { id: 'id-1', model: 'm-1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
      '[DONE]',
    )
    expect(response).toMatchObject({
      message: { content: 'Hello.' },
      finishReason: FinishReason.STOP,
      usage: { input: 3, output: 2, total: 5 },
    })
  })

  it('has a refusal apart from its text', async () => {
    const { response } = await whole({ content: null, refusal: 'I cannot help with that.' })
    expect(response?.message).toMatchObject({ content: '', refusal: 'I cannot help with that.' })
  })

  it('ignores choices beside the first', async () => {
    const { response } = await stream(
      delta({ content: 'one' }),
      { choices: [{ index: 1, delta: { content: 'two' }, finish_reason: 'length' }] },
      STOP,
    )
    expect(response).toMatchObject({ message: { content: 'one' }, rawFinishReason: 'stop' })
  })

  it('is filtered away without a message', async () => {
    const { response } = await decodeWhole(wire, { choices: [{ index: 0, finish_reason: 'content_filter' }] })
    expect(response).toMatchObject({ message: { content: '' }, finishReason: FinishReason.CONTENT_FILTER })
  })

  it('tells when the filter itself failed', async () => {
    const { warnings } = await stream(
      delta({ content: 'x' }, { content_filter_results: { error: { code: 'content_filter_error' } } }),
      STOP,
    )
    expect(warnings).toEqual(["The vendor's content filter failed: the answer was not filtered."])
  })
})

describe('the end', () => {
  it.each([
    ['length', FinishReason.LENGTH],
    ['model_length', FinishReason.LENGTH],
    ['eos', FinishReason.STOP],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['error', FinishReason.ERROR],
    ['constructor', FinishReason.OTHER],
  ])('for the reason %s', async (raw, finishReason) => {
    const { response } = await stream(delta({ content: 'x' }), delta({}, { finish_reason: raw }), '[DONE]')
    expect(response).toMatchObject({ finishReason, rawFinishReason: raw })
  })

  it('without any reason is OTHER', async () => {
    const { response } = await stream(delta({ content: 'x' }, { finish_reason: '' }), '[DONE]')
    expect(response).toMatchObject({ finishReason: FinishReason.OTHER, rawFinishReason: '' })
  })

  it('needs no [DONE] once there is a reason', async () => {
    const { response } = await stream(delta({ content: 'x' }), STOP)
    expect(response?.message?.content).toBe('x')
  })

  it('is a cut when there is neither', async () => {
    const { events, error } = await stream(delta({ content: 'x' }))
    expect(events.at(-1)?.event).toMatchObject({ case: 'text', value: { text: 'x' } })
    expect(error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })

  it('with tool calls waits for them, whatever the vendor says', async () => {
    const toolCalls = [{ id: 'a', function: { name: 'f', arguments: '{}' } }]
    const { response } = await whole({ tool_calls: toolCalls })
    expect(response).toMatchObject({ finishReason: FinishReason.TOOL_CALLS, rawFinishReason: 'stop' })
  })
})

describe('tool calls', () => {
  const call = (fields: object, called: object) => ({ ...fields, function: called })

  it.each([
    [
      'numbered, in pieces',
      [
        [call({ index: 0, id: 'a' }, { name: 'f', arguments: '' })],
        [call({ index: 0 }, { arguments: '{"x":' }), call({ index: 1, id: 'b' }, { name: 'g', arguments: '{' })],
        [call({ index: 1 }, { arguments: '}' }), call({ index: 0 }, { arguments: '1}' })],
      ],
    ],
    [
      'whole and not numbered',
      [[call({ id: 'a' }, { name: 'f', arguments: '{"x":1}' }), call({ id: 'b' }, { name: 'g', arguments: '{}' })]],
    ],
    [
      'all numbered 0',
      [
        [call({ index: 0, id: 'a' }, { name: 'f', arguments: '{"x":1}' })],
        [call({ index: 0, id: 'b' }, { name: 'g', arguments: '{}' })],
      ],
    ],
    [
      'with ids and names repeated',
      [
        [call({ index: 0, id: 'a' }, { name: 'f', arguments: null })],
        [call({ index: 0, id: 'a' }, { name: 'f', arguments: '{"x":1}' })],
        [
          call({ index: 1, id: 'b' }, { name: 'g', arguments: '' }),
          call({ index: 1, id: 'b' }, { name: '', arguments: '{}' }),
        ],
      ],
    ],
    [
      'with a new id in every piece',
      [
        [call({ index: 0, id: 'a' }, { name: 'f', arguments: '{"x"' })],
        [call({ index: 0, id: 'zz' }, { name: 'f', arguments: ':1}' })],
        [call({ index: 1, id: 'b' }, { name: 'g', arguments: '{}' })],
      ],
    ],
    [
      'not numbered, in pieces',
      [
        [call({ id: 'a' }, { name: 'f', arguments: '{"x"' })],
        [call({}, { arguments: ':1}' })],
        [call({ id: 'b' }, { name: 'g' })],
        [call({ id: 'b' }, { arguments: '{}' })],
      ],
    ],
    [
      'with arguments as objects',
      [
        [
          call({ index: 0, id: 'a' }, { name: 'f', arguments: { x: 1 } }),
          call({ index: 1, id: 'b' }, { name: 'g', arguments: {} }),
        ],
      ],
    ],
    [
      'numbered from a thousand on',
      [
        [
          call({ index: 1000, id: 'a' }, { name: 'f', arguments: '{"x":1}' }),
          call({ index: 1002, id: 'b' }, { name: 'g', arguments: '{}' }),
        ],
      ],
    ],
  ])('come %s', async (_, pieces) => {
    const { response } = await stream(...pieces.map((tool_calls) => delta({ tool_calls })), STOP)
    expect(response?.message?.toolCalls).toMatchObject([
      { id: 'a', name: 'f', arguments: '{"x":1}' },
      { id: 'b', name: 'g', arguments: '{}' },
    ])
  })

  it('get an id where the vendor gives none', async () => {
    const { response } = await whole({ tool_calls: [call({ id: '' }, { name: 'f' }), call({}, { name: 'g' })] })
    expect(response?.message?.toolCalls).toMatchObject([
      { id: 'call_0', name: 'f', arguments: '' },
      { id: 'call_1', name: 'g', arguments: '' },
    ])
  })

  it('stay apart in a whole answer though their ids are the same', async () => {
    const same = call({ id: '0', index: 0 }, { name: 'f', arguments: '{}' })
    const { response } = await whole({ tool_calls: [same, same] })
    expect(response?.message?.toolCalls).toHaveLength(2)
  })

  it('of before there were tools are calls too', async () => {
    const { response } = await stream(
      delta({ function_call: { name: 'f', arguments: '{' } }),
      delta({ function_call: { arguments: '}' } }),
      delta({}, { finish_reason: 'function_call' }),
    )
    expect(response).toMatchObject({
      message: { toolCalls: [{ id: 'call_0', name: 'f', arguments: '{}' }] },
      finishReason: FinishReason.TOOL_CALLS,
      rawFinishReason: 'function_call',
    })
  })

  it("carry Google's signatures, their own or the turn's", async () => {
    const google = (proof: string) => ({ extra_content: { google: { thought_signature: proof } } })
    const own = await whole({ tool_calls: [call({ id: 'a', ...google('p') }, { name: 'f', arguments: '{}' })] })
    const turn = await whole({ ...google('p'), tool_calls: [call({ id: 'a' }, { name: 'f', arguments: '{}' })] })
    for (const { response } of [own, turn]) expect(response?.message?.toolCalls).toMatchObject([{ signature: 'p' }])
  })

  it('whose number jumps are refused', async () => {
    const { error } = await stream(delta({ tool_calls: [call({ index: 1e9, id: 'a' }, { name: 'f' })] }), STOP)
    expect(error?.reason).toBe('UPSTREAM_LIMIT')
  })

  it('are refused when there are more than an answer can have, named or not', async () => {
    const many = (called: object) => Array.from({ length: 1100 }, (_, at) => call({ id: `${at}` }, called))
    for (const called of [{ name: 'f', arguments: '{}' }, { arguments: '{}' }]) {
      const { error } = await stream(delta({ tool_calls: many(called) }), STOP)
      expect(error?.reason).toBe('UPSTREAM_LIMIT')
    }
  })
})

describe('reasoning', () => {
  it.each(['reasoning_content', 'reasoning'])('stands in %s', async (field) => {
    const { response } = await stream(
      delta({ [field]: 'Well, ' }),
      delta({ [field]: 'yes.' }),
      delta({ content: 'Yes.' }),
      STOP,
    )
    expect(response?.message).toMatchObject({ reasoning: [{ text: 'Well, yes.' }], content: 'Yes.' })
  })

  it('stands between parts of the content', async () => {
    const thinking = (text: string) => ({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] })
    const { response } = await stream(
      delta(thinking('Well, ')),
      delta(thinking('yes.')),
      delta({
        content: [
          { type: 'text', text: 'Yes.' },
          { type: 'reference', reference_ids: [1] },
        ],
      }),
      STOP,
    )
    expect(response?.message).toMatchObject({ reasoning: [{ text: 'Well, yes.' }], content: 'Yes.' })
  })

  it('comes as details: joined by their index, with signatures, the encrypted ones kept whole', async () => {
    const encrypted = { type: 'reasoning.encrypted', data: 'zzz', id: 'rs_1', index: 1 }
    const { response } = await stream(
      delta({ reasoning: 'We', reasoning_details: [{ type: 'reasoning.text', text: 'We', index: 0 }] }),
      delta({ reasoning: 'll.', reasoning_details: [{ type: 'reasoning.text', text: 'll.', index: 0 }] }),
      delta({ reasoning_details: [{ type: 'reasoning.text', signature: 'sig', index: 0 }, encrypted] }),
      delta({ reasoning_details: [{ type: 'reasoning.summary', summary: 'More.', index: 2 }] }),
      STOP,
    )
    expect(response?.message?.reasoning).toMatchObject([
      { text: 'Well.', signature: 'sig', redacted: '' },
      { text: '', redacted: JSON.stringify(encrypted) },
      { text: 'More.' },
    ])
  })
})

describe('sources, images and sound', () => {
  it('cites what the text refers to', async () => {
    const url_citation = { url: 'https://x.test', title: 'X', start_index: 3, end_index: 9 }
    const { response } = await whole({ content: 'As X says.', annotations: [{ type: 'url_citation', url_citation }] })
    expect(response?.message?.citations).toMatchObject([{ url: 'https://x.test', title: 'X', start: 3, end: 9 }])
  })

  it('lists sources once, though every chunk repeats them', async () => {
    const sources = {
      citations: ['https://a.test', 'https://b.test'],
      search_results: [{ url: 'https://a.test', title: 'A', snippet: 'Says A.' }],
    }
    const { response } = await stream({ ...delta({ content: 'x' }), ...sources }, { ...STOP, ...sources })
    expect(response?.message?.citations).toMatchObject([
      { url: 'https://a.test', title: 'A', text: 'Says A.' },
      { url: 'https://b.test', title: '' },
    ])
  })

  it('hands out images that the model made', async () => {
    const images = ['data:image/png;base64,iVBORw==', 'https://x.test/a.png'].map((url) => ({ image_url: { url } }))
    const { response } = await whole({ content: '', images })
    expect(response?.message?.parts.map((part) => part.content)).toMatchObject([
      {
        case: 'image',
        value: { source: { case: 'data', value: Buffer.from([137, 80, 78, 71]) }, mimeType: 'image/png' },
      },
      { case: 'image', value: { source: { case: 'url', value: 'https://x.test/a.png' } } },
    ])
  })

  it('joins a sound from pieces that are each base64 of their own', async () => {
    const { response } = await stream(
      delta({ audio: { id: 'audio_1', transcript: 'Hel' } }),
      delta({ audio: { data: Buffer.from('RI').toString('base64') } }),
      delta({ audio: { data: Buffer.from('FF....').toString('base64'), transcript: 'lo.' } }),
      STOP,
    )
    expect(response?.message?.parts.map((part) => part.content)).toMatchObject([
      {
        case: 'audio',
        value: { source: { value: Buffer.from('RIFF....') }, mimeType: 'audio/wav', transcript: 'Hello.' },
      },
    ])
  })
})

describe('usage', () => {
  const usageOf = async (usage: unknown, rest: object = {}) =>
    (await whole({ content: 'four' }, { usage, ...rest })).response?.usage

  it('counts reasoning as output where the vendor leaves it out', async () => {
    const completion_tokens_details = { reasoning_tokens: 30 }
    const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 42, completion_tokens_details }
    expect(await usageOf(usage)).toMatchObject({ input: 10, output: 32, reasoning: 30, total: 42 })
    expect(await usageOf({ ...usage, total_tokens: 12 })).toMatchObject({ output: 2, reasoning: 30 })
  })

  it.each([
    [{ prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 2 } }, { cachedInput: 5, cacheWrite: 2 }],
    [{ prompt_cache_hit_tokens: 5 }, { cachedInput: 5 }],
    [{ num_cached_tokens: 5 }, { cachedInput: 5 }],
  ])('finds cached tokens in %j', async (fields, expected) => {
    expect(await usageOf({ prompt_tokens: 9, completion_tokens: 1, ...fields })).toMatchObject(expected)
  })

  it('is found in the places of Groq and Moonshot', async () => {
    const usage = { prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 }
    const groq = await stream(delta({ content: 'x' }), { ...STOP, x_groq: { usage } })
    const moonshot = await stream(delta({ content: 'x' }), delta({}, { finish_reason: 'stop', usage }))
    for (const { response } of [groq, moonshot])
      expect(response?.usage).toMatchObject({ input: 7, output: 1, total: 8 })
  })

  it('keeps a 0 and invents nothing', async () => {
    const usage = await usageOf({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })
    expect(usage).toEqual({ $typeName: 'llmgateway.v1.Usage', input: 0, output: 0, total: 0, estimated: false })
  })

  it.each([-1, 1.5, 2 ** 32, '12', {}])('does not believe %j', async (count) => {
    expect(await usageOf({ prompt_tokens: 3, completion_tokens: count, total_tokens: count })).toMatchObject({
      input: 3,
      output: 1,
      estimated: true,
    })
  })

  it.each([[undefined], [null]])('is estimated where it is %s', async (usage) => {
    expect(await usageOf(usage)).toMatchObject({ estimated: true })
  })
})

describe('a failure in a good reply', () => {
  it('is the whole body', async () => {
    const { error } = await decodeWhole(wire, { error: { message: 'Filtered.', code: 'content_filter', status: 400 } })
    expect(error?.reason).toBe('CONTENT_FILTERED')
  })

  it('stands beside a choice', async () => {
    const { error, events } = await stream(
      delta({ content: 'Hel' }),
      delta({ content: 'lo' }, { finish_reason: 'length' }),
      { ...delta({ content: '!' }), error: { code: 400, message: 'Token limit reached' } },
      '[DONE]',
    )
    expect(events.map(({ event }) => (event.case === 'text' ? event.value.text : event.case))).toEqual([
      'start',
      'Hel',
      'lo',
      '!',
    ])
    expect(error?.reason).toBe('UPSTREAM_INVALID_REQUEST')
  })

  it('stands in a choice', async () => {
    const choices = [{ index: 0, message: { content: '' }, error: { code: 502, message: 'Provider failed' } }]
    expect((await decodeWhole(wire, { choices })).error?.reason).toBe('UPSTREAM_GATEWAY')
  })

  it('is a frame of its own, as an object, a list, or an event', async () => {
    const error = { error: { message: 'Broken.', type: 'server_error' } }
    for (const failure of [error, [error]]) expect((await stream(failure)).error?.reason).toBe('UPSTREAM_ERROR')
    const event = await decodeStream(wire, [Buffer.from('event: error\ndata: Too busy\n\n')])
    expect(event.error?.reason).toBe('UPSTREAM_STREAM_ERROR')
  })
})

describe('nonsense', () => {
  it.each(['null', '3', '"text"', '{"choices":[{"delta"', 'true'])('in a frame is told as such: %s', async (data) => {
    const { events, error } = await stream(delta({ content: 'x' }), data)
    expect(events).toHaveLength(2)
    expect(error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it.each([[null], [[]], [{}], [{ choices: [] }], [{ choices: null }], ['text']])(
    'as a body is told as such: %j',
    async (body) => {
      expect((await decodeWhole(wire, body)).error?.reason).toBe('UPSTREAM_MALFORMED')
    },
  )

  it('never makes a decoder throw, and always ends in an answer or an error', async () => {
    const keys = [
      'choices',
      'delta',
      'message',
      'content',
      'tool_calls',
      'function',
      'index',
      'id',
      'usage',
      'error',
      'reasoning_details',
      'annotations',
      'images',
      'audio',
      'citations',
      'type',
      'text',
      'arguments',
      'name',
      'finish_reason',
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
      `{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":${deep}}],"tool_calls":[{"function":{"name":"f","arguments":${deep}}}]}}]}`,
    ]) {
      const { response, error } = await stream(data, '[DONE]')
      expect(response ?? error).toBeDefined()
    }
  })
})

describe('any chunking of the bytes', () => {
  const bytes = sse(
    delta({ role: 'assistant', reasoning_content: 'Überlegung 🤔' }),
    delta({ content: 'Olá, ' }),
    delta({ content: '世界 🎉' }),
    delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"é":' } }] }),
    delta({ tool_calls: [{ index: 0, function: { arguments: '"ü"}' } }] }),
    delta({}, { finish_reason: 'tool_calls' }),
    { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
    '[DONE]',
  )

  it('gives the same answer', async () => {
    const expected = (await decodeStream(wire, [bytes])).response
    expect(expected?.message?.content).toBe('Olá, 世界 🎉')
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 60 }), async (cuts) => {
        const { response } = await decodeStream(wire, cut(bytes, cuts))
        expect(withoutTimes(response)).toEqual(withoutTimes(expected))
      }),
    )
    const single = await decodeStream(wire, cut(bytes, [...bytes.keys()]))
    expect(withoutTimes(single.response)).toEqual(withoutTimes(expected))
  })

  function cut(whole: Buffer, at: readonly number[]): Buffer[] {
    const places = [0, ...[...at].sort((a, b) => a - b), whole.length]
    return places.slice(1).map((end, index) => whole.subarray(places[index], end))
  }

  function withoutTimes(response: Decoded['response']) {
    return response && { message: response.message, finishReason: response.finishReason, usage: response.usage }
  }
})
