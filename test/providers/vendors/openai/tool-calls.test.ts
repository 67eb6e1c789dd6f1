import { describe, expect, it } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { delta, STOP, stream, whole } from '../../../support/openai-replies.ts'

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
      { id: 'call_0', name: 'f', arguments: '{}' },
      { id: 'call_1', name: 'g', arguments: '{}' },
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
