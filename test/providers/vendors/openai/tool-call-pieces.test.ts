import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { delta, STOP, stream, whole } from '../../../support/openai-replies.ts'

interface Made {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** Where a server's pieces say which call they belong to. */
const servers = {
  'numbers each call, as OpenAI does': (call: Made, number: number, isFirst: boolean) =>
    isFirst ? { index: number, id: call.id, name: call.name } : { index: number },
  'repeats ids and names': (call: Made, number: number) => ({ index: number, id: call.id, name: call.name }),
  'repeats ids, and empty names': (call: Made, number: number, isFirst: boolean) => ({
    index: number,
    id: call.id,
    name: isFirst ? call.name : '',
  }),
  'numbers none and repeats ids': (call: Made, _: number, isFirst: boolean) =>
    isFirst ? { id: call.id, name: call.name } : { id: call.id },
}

const call = fc.record({
  name: fc.constantFrom('f', 'g', 'weather'),
  // In pieces, cut anywhere.
  json: fc.oneof(
    fc.object({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
    fc.constantFrom('{"a":1e400}', '{"b": "}{"}', '{ "c" : [ {}, {"d":"\\u0041"} ] }'),
  ),
  cuts: fc.array(fc.nat(40), { maxLength: 4 }),
})

/** The arguments in pieces, of which the first may be empty. */
function piecesOf(json: string, cuts: readonly number[]): string[] {
  const edges = [...new Set(cuts.map((cut) => Math.min(cut, json.length)))].sort((a, b) => a - b)
  return [0, ...edges].map((edge, index) => json.slice(edge, [...edges, json.length][index]))
}

describe.each(Object.entries(servers))('of a server that %s', (_, label) => {
  test('every interleaving of pieces gives the calls that were made', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        async (calls, turns) => {
          const made = calls.map(({ name, json }, number): Made => ({ id: `id-${number}`, name, arguments: json }))
          const queues = calls.map(({ json, cuts }) => piecesOf(json, cuts))
          const chunks: object[] = []
          const began = new Set<number>()
          for (let open = queues; open.some((queue) => queue.length > 0); ) {
            // A call begins after the ones before it.
            const ready = open.flatMap((queue, number) =>
              queue.length > 0 && (began.has(number) || number === began.size) ? [number] : [],
            )
            const number = ready[(turns.next().value ?? 0) % ready.length] ?? 0
            const [piece = ''] = open[number]?.splice(0, 1) ?? []
            const { name, ...rest } = { name: undefined, ...label(made[number] as Made, number, !began.has(number)) }
            began.add(number)
            chunks.push(delta({ tool_calls: [{ ...rest, function: { name, arguments: piece } }] }))
          }
          const { response } = await stream(...chunks, STOP)
          expect(response?.message?.toolCalls).toMatchObject(made)
        },
      ),
    )
  })
})

test('calls numbered alike come out one by one, with arguments or without', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 4 }), fc.boolean(), async (calls, areEmpty) => {
      const chunks = calls.flatMap(({ name, json, cuts }, number) => {
        const pieces = areEmpty ? [''] : piecesOf(json, cuts)
        return pieces.map((piece, at) => {
          const first = at === 0 ? { id: `id-${number}` } : {}
          return delta({
            tool_calls: [{ index: 0, ...first, function: { name: at === 0 ? name : '', arguments: piece } }],
          })
        })
      })
      const { response } = await stream(...chunks, STOP)
      const expected = calls.map(({ name, json }, number) => ({
        id: `id-${number}`,
        name,
        arguments: areEmpty ? '{}' : json,
      }))
      expect(response?.message?.toolCalls).toMatchObject(expected)
    }),
  )
})

describe('a piece', () => {
  const piece = (fields: object, name: string | undefined, args: unknown) =>
    delta({ tool_calls: [{ ...fields, function: { name, arguments: args } }] })

  it.each([
    [
      'with another name and number 0 again',
      [piece({ index: 0, id: 'a' }, 'g', ''), piece({ index: 0, id: 'b' }, 'f', '{"a":2}')],
      [
        ['g', '{}'],
        ['f', '{"a":2}'],
      ],
    ],
    [
      'with another name and no id',
      [piece({ index: 0 }, 'g', ''), piece({ index: 0 }, 'f', '{"a":2}')],
      [
        ['g', '{}'],
        ['f', '{"a":2}'],
      ],
    ],
    [
      'with another name in the middle of arguments',
      [piece({ index: 0, id: 'a' }, 'g', '{"a"'), piece({ index: 0, id: 'b' }, 'f', '{}')],
      [
        ['g', '{"a"'],
        ['f', '{}'],
      ],
    ],
    [
      'with another id and the same name',
      [piece({ index: 0, id: 'a' }, 'f', ''), piece({ index: 0, id: 'b' }, 'f', '{"a":2}')],
      [
        ['f', '{}'],
        ['f', '{"a":2}'],
      ],
    ],
    [
      'with the same name after complete arguments',
      [piece({ index: 0 }, 'f', '{"a":1}'), piece({ index: 0 }, 'f', '{"a":2}')],
      [
        ['f', '{"a":1}'],
        ['f', '{"a":2}'],
      ],
    ],
    [
      'with another id where an object cannot stand',
      [piece({ index: 0, id: 'a' }, 'f', '{"a"'), piece({ index: 0, id: 'b' }, 'f', '{"b":1}')],
      [
        ['f', '{"a"'],
        ['f', '{"b":1}'],
      ],
    ],
  ])('%s begins another call', async (_, pieces, expected) => {
    const { response } = await stream(...pieces, STOP)
    expect(response?.message?.toolCalls.map((made) => [made.name, made.arguments])).toEqual(expected)
  })

  it.each([
    [
      'with the number of the piece',
      [piece({ index: 0, id: 'a' }, 'f', '{"x"'), piece({ index: 1, id: 'a' }, '', ':1}')],
    ],
    [
      'with a new id and no name',
      [
        piece({ index: 0, id: 'a' }, 'f', ''),
        piece({ index: 0, id: 'b' }, undefined, '{"x"'),
        piece({ index: 0, id: 'c' }, undefined, ':1}'),
      ],
    ],
    ['with its name again', [piece({ index: 0 }, 'f', ''), piece({ index: 0 }, 'f', '{"x":1}')]],
    ['with nothing but arguments', [piece({ id: 'a' }, 'f', '{"x"'), piece({}, undefined, ':1}')]],
    [
      'that is the whole call once more',
      [piece({ index: 0, id: 'a' }, 'f', '{"x":1}'), piece({ index: 0, id: 'a' }, 'f', '{"x":1}')],
    ],
    [
      'after which nothing comes but a blank',
      [piece({ index: 0, id: 'a' }, 'f', '{"x":1}'), piece({ index: 0 }, undefined, '')],
    ],
  ])('%s continues the call', async (_, pieces) => {
    const { response } = await stream(...pieces, STOP)
    expect(response?.message?.toolCalls).toMatchObject([{ name: 'f', arguments: '{"x":1}' }])
  })

  it('without a number belongs to the call at its place in a list of several', async () => {
    const pieces = (...args: string[]) =>
      delta({
        tool_calls: args.map((text, at) => ({
          ...(text.startsWith('{') && { id: `${at}` }),
          function: { ...(text.startsWith('{') && { name: 'f' }), arguments: text },
        })),
      })
    const { response } = await stream(pieces('{"a"', '{"b"'), pieces(':1}', ':2}'), STOP)
    expect(response?.message?.toolCalls.map((made) => made.arguments)).toEqual(['{"a":1}', '{"b":2}'])
  })
})

describe('a call that stands in function_call, too', () => {
  const both = {
    tool_calls: [{ id: 'a', index: 0, function: { name: 'f', arguments: '{"a":1}' } }],
    function_call: { name: 'f', arguments: '{"a":1}' },
  }

  it('is one call', async () => {
    for (const { response } of [await whole(both), await stream(delta(both), STOP)]) {
      expect(response?.message?.toolCalls).toMatchObject([{ id: 'a', name: 'f', arguments: '{"a":1}' }])
    }
  })

  it('is one call where it comes there first', async () => {
    const { tool_calls, function_call } = both
    const { response } = await stream(delta({ function_call }), delta({ tool_calls }), STOP)
    expect(response?.message?.toolCalls).toMatchObject([{ name: 'f', arguments: '{"a":1}' }])
  })
})

test('many pieces of one call take time in proportion to their number', async () => {
  // Each piece with a new id and the name: whether it continues the call has to be looked at every time.
  const pieces = Array.from({ length: 20_000 }, (_, at) =>
    delta({
      tool_calls: [{ index: 0, id: `${at}`, function: { name: 'f', arguments: at === 0 ? '{"x":"' : '{ab}' } }],
    }),
  )
  const { response } = await stream(...pieces, STOP)
  expect(response?.message?.toolCalls).toHaveLength(1)
  expect(response?.message?.toolCalls[0]?.arguments).toHaveLength(6 + 4 * 19_999)
})
