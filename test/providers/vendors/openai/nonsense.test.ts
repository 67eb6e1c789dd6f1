import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Decoded, decodeStream, decodeWhole, sse } from '../../../support/decode.ts'
import { delta, stream, wire } from '../../../support/openai-replies.ts'

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
