import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { type Decoded, decodeStream, decodeWhole, ndjson } from '../../../support/decode.ts'
import { wireOf } from '../../../support/encode.ts'

const wire = wireOf('ollama')
const stream = (...lines: readonly unknown[]) => decodeStream(wire, [ndjson(...lines)])
const piece = (message: object) => ({
  model: 'm-1',
  message: { role: 'assistant', content: '', ...message },
  done: false,
})
const DONE = {
  model: 'm-1',
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: 'stop',
  prompt_eval_count: 7,
  eval_count: 3,
}

describe('an answer', () => {
  it('is joined from its lines', async () => {
    const { response } = await stream(
      piece({ thinking: 'A gree' }),
      piece({ thinking: 'ting.' }),
      piece({ content: 'Hel' }),
      piece({ content: 'lo.' }),
      DONE,
    )
    expect(response).toMatchObject({
      message: { content: 'Hello.', reasoning: [{ text: 'A greeting.', signature: '', redacted: '' }] },
      finishReason: FinishReason.STOP,
      rawFinishReason: 'stop',
      usage: { input: 7, output: 3, total: 10, estimated: false },
      route: { responseModel: 'm-1', upstreamId: '' },
    })
    expect(response?.usage).not.toHaveProperty('cachedInput')
  })

  it('is the same when it comes as one body', async () => {
    const message = { role: 'assistant', content: 'Hello.', thinking: 'A greeting.' }
    const { response } = await decodeWhole(wire, { ...DONE, message })
    expect(response?.message).toMatchObject({ content: 'Hello.', reasoning: [{ text: 'A greeting.' }] })
  })

  it.each([
    ['stop', FinishReason.STOP],
    ['length', FinishReason.LENGTH],
    ['load', FinishReason.OTHER],
    ['constructor', FinishReason.OTHER],
    [undefined, FinishReason.OTHER],
  ])('that ends with the reason %s', async (done_reason, reason) => {
    const { response } = await stream(piece({ content: 'x' }), { ...DONE, done_reason })
    expect(response).toMatchObject({ finishReason: reason, rawFinishReason: done_reason ?? '' })
  })

  it('tells of cached tokens where the server does', async () => {
    const { response } = await stream({ ...DONE, prompt_eval_count: 40, prompt_eval_cached_count: 32 })
    expect(response?.usage).toMatchObject({ input: 40, cachedInput: 32, output: 3, total: 43 })
  })

  it('without counts has estimated ones', async () => {
    const { prompt_eval_count: _input, eval_count: _output, ...rest } = DONE
    const { response } = await stream(piece({ content: 'twelve chars' }), rest)
    expect(response?.usage).toMatchObject({ output: 3, estimated: true })
  })

  it('may hold images', async () => {
    const images = ['iVBORw0KGgo=', '/9j/4AAQ', '']
    const { response } = await decodeWhole(wire, { ...DONE, message: { role: 'assistant', content: '', images } })
    expect(response?.message?.parts).toMatchObject([
      { content: { case: 'image', value: { mimeType: 'image/png', source: { case: 'data' } } } },
      { content: { case: 'image', value: { mimeType: 'image/jpeg' } } },
    ])
  })
})

describe('tool calls', () => {
  const call = (name: string, given: unknown, more: object = {}) => ({ ...more, function: { name, arguments: given } })

  it('come whole, get ids where they have none, and are why the model stopped', async () => {
    const { response } = await stream(
      piece({ tool_calls: [call('weather', { city: 'Oslo', days: 2 })] }),
      piece({ tool_calls: [call('time', {}, { id: 'call_x7' }), call('noise', '{"a": 1}')] }),
      DONE,
    )
    expect(response?.message?.toolCalls).toMatchObject([
      { id: 'call_0', name: 'weather', arguments: '{"city":"Oslo","days":2}' },
      { id: 'call_x7', name: 'time', arguments: '{}' },
      { id: 'call_2', name: 'noise', arguments: '{"a": 1}' },
    ])
    expect(response).toMatchObject({ finishReason: FinishReason.TOOL_CALLS, rawFinishReason: 'stop' })
  })

  it('without a name are none', async () => {
    const { response } = await stream(piece({ content: 'x', tool_calls: [{}, null, call('', {})] }), DONE)
    expect(response?.message?.toolCalls).toEqual([])
  })
})

describe('a failure inside a good reply', () => {
  it.each([
    [{ error: 'llama runner process has terminated' }, 'UPSTREAM_STREAM_ERROR'],
    [{ error: 'internal', status: 500 }, 'UPSTREAM_ERROR'],
    [{ error: 'unauthorized', status: 401 }, 'UPSTREAM_CREDENTIALS'],
  ])('before the answer: %j is %s', async (line, reason) => {
    const { events, error } = await stream(line)
    expect(events).toEqual([])
    expect(error).toMatchObject({ reason, fallback: true })
  })

  it('cuts an answer that has begun, and keeps what was said', async () => {
    const { events, error, response } = await stream(piece({ content: 'Hel' }), { error: 'out of memory' }, DONE)
    expect(error?.reason).toBe('UPSTREAM_STREAM_ERROR')
    expect(error?.message).not.toContain('memory')
    expect(events.map(({ event }) => event.case)).toEqual(['start', 'text'])
    expect(response).toBeUndefined()
  })

  it('is told in one body, too', async () => {
    expect((await decodeWhole(wire, { error: 'x', status: 503 })).error?.reason).toBe('UPSTREAM_OVERLOADED')
  })
})

describe('nonsense', () => {
  it.each(['null', '3', '"text"', '[{}]', '{"message":{"con'])('in a line is told as such: %s', async (line) => {
    const { events, error } = await stream(piece({ content: 'x' }), line, DONE)
    expect(events).toHaveLength(2)
    expect(error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it.each([[null], [[]], [{}], ['text'], [{ done: true }]])('as a body is told as such: %j', async (body) => {
    expect((await decodeWhole(wire, body)).error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it.each([
    ['no line', []],
    ['lines without done', [piece({ content: 'Hello' })]],
    ['half a last line', [piece({ content: 'Hello' }), JSON.stringify(DONE).slice(0, 60)]],
  ])('that stops short is no complete answer: %s', async (_, lines) => {
    const text = ndjson(...lines)
    const { response, error } = await decodeStream(wire, [text.subarray(0, text.length - 1)])
    expect(response).toBeUndefined()
    expect(error).toMatchObject({ reason: 'UPSTREAM_STREAM_TRUNCATED', fallback: true })
  })

  it('is not what a whole body without a word of its end is', async () => {
    const { done: _done, ...body } = piece({ content: 'x' })
    const { response } = await decodeWhole(wire, { ...body, eval_count: 1 })
    expect(response).toMatchObject({ message: { content: 'x' }, usage: { output: 1 } })
  })

  it('in a body that says itself that it is not complete is no answer', async () => {
    expect((await decodeWhole(wire, piece({ content: 'x' }))).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })

  it('never makes a decoder throw, and always ends in an answer or an error', async () => {
    const keys = ['message', 'content', 'thinking', 'tool_calls', 'function', 'name', 'arguments', 'images', 'id']
    const heads = ['done', 'done_reason', 'error', 'status', 'model', 'eval_count', 'prompt_eval_count', ...keys]
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc.dictionary(fc.constantFrom(...heads), tie('value'), { maxKeys: 6 }),
    })).value
    await fc.assert(
      fc.asyncProperty(fc.array(json, { maxLength: 5 }), async (values) => {
        const lines = values.map((value) => JSON.stringify(value))
        for (const { response, error } of [await stream(...lines), await decodeWhole(wire, values[0])]) {
          expect([response, error].filter((ending) => ending !== undefined)).toHaveLength(1)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('nested a hundred thousand deep is survived', async () => {
    const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`
    const call = `{"message":{"tool_calls":[{"function":{"name":"f","arguments":${deep}}}]}}`
    for (const line of [deep, `{"error":${deep}}`, call]) {
      const { response, error } = await stream(line, DONE)
      expect(response ?? error).toBeDefined()
    }
  })
})

describe('any chunking of the bytes', () => {
  const bytes = ndjson(
    piece({ thinking: 'Überlegung 🤔' }),
    piece({ content: 'Olá, ' }),
    '',
    `${JSON.stringify(piece({ content: '世界 🎉' }))}\r`,
    piece({ tool_calls: [{ function: { name: 'f', arguments: { é: 'ü' } } }] }),
    DONE,
  )

  it('gives the same answer', async () => {
    const expected = (await decodeStream(wire, [bytes])).response
    expect(expected?.message).toMatchObject({ content: 'Olá, 世界 🎉', toolCalls: [{ arguments: '{"é":"ü"}' }] })
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

describe('a list of models', () => {
  it('gives the ids, by either name', () => {
    const body = { models: [{ name: 'a:latest', model: 'a:latest' }, { name: 'b:7b' }, {}, null] }
    expect(wire.models.decode(body)).toEqual(['a:latest', 'b:7b'])
    expect(wire.models.request({}).path).toBe('/api/tags')
  })

  it.each([[{}], [null], [{ models: {} }]])('is told as malformed: %j', (body) => {
    expect(() => wire.models.decode(body)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_MALFORMED' }))
  })
})
