import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { block, start, stop, stream, textBlock, wire } from '../../../support/anthropic-replies.ts'
import { type Decoded, decodeStream, decodeWhole, sse } from '../../../support/decode.ts'

describe('nonsense', () => {
  it.each(['null', '3', '"text"', '{"type":"content_bl', 'true'])('in a frame is told as such: %s', async (data) => {
    const { events, error } = await stream(start(), ...textBlock(0, 'x'), data)
    expect(events).toHaveLength(2)
    expect(error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it.each([[null], [[]], [{}], [{ content: null }], [{ content: 'text' }], ['text']])(
    'as a body is told as such: %j',
    async (body) => {
      expect((await decodeWhole(wire, body)).error?.reason).toBe('UPSTREAM_MALFORMED')
    },
  )

  it('never makes a decoder throw, and always ends in an answer or an error', async () => {
    const words = [
      ...['message_start', 'message_delta', 'message_stop', 'ping', 'error'],
      ...['content_block_start', 'content_block_delta', 'content_block_stop'],
      ...['text', 'thinking', 'redacted_thinking', 'tool_use', 'text_delta', 'thinking_delta'],
      ...['signature_delta', 'input_json_delta', 'citations_delta', 'end_turn', 'tool_use'],
    ]
    const keys = [
      ...['message', 'content', 'content_block', 'delta', 'index', 'usage', 'error', 'id', 'name', 'input'],
      ...['text', 'thinking', 'signature', 'data', 'partial_json', 'citation', 'citations', 'stop_reason'],
      ...['input_tokens', 'output_tokens', 'cache_read_input_tokens'],
    ]
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.constantFrom(...words),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc
        .tuple(fc.constantFrom(...words), fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 5 }))
        .map(([type, fields]) => ({ ...fields, type })),
    })).value
    await fc.assert(
      fc.asyncProperty(fc.array(json, { maxLength: 8 }), async (values) => {
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
      `{"type":"message_start","message":{"content":[{"type":"tool_use","name":"f","input":${deep}}]}}`,
    ]) {
      const { response, error } = await stream(data, ...stop())
      expect(response ?? error).toBeDefined()
    }
  })

  it('blocks that never end do not pile up without limit', async () => {
    const opened = Array.from({ length: 2000 }, (_, index) => ({
      type: 'content_block_start',
      index: index * 1e6,
      content_block: { type: 'tool_use', id: `t${index}`, name: 'f', input: {} },
    }))
    expect((await stream(start(), ...opened, ...stop())).error?.reason).toBe('UPSTREAM_LIMIT')
  })
})

describe('any chunking of the bytes', () => {
  const bytes = sse(
    start(),
    ...block(
      0,
      { type: 'thinking', thinking: '' },
      { type: 'thinking_delta', thinking: 'Überlegung 🤔' },
      {
        type: 'signature_delta',
        signature: 'c2ln',
      },
    ),
    ...textBlock(1, 'Olá, ', '世界 🎉'),
    ...block(
      2,
      { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} },
      {
        type: 'input_json_delta',
        partial_json: '{"é":"ü"}',
      },
    ),
    ...stop('tool_use'),
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
