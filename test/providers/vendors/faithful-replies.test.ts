import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ChatResponse, FinishReason } from '../../../src/domain/types.ts'
import { type Decoded, decodeStream, decodeText, ndjson, sse } from '../../support/decode.ts'
import { wireOf } from '../../support/encode.ts'

/** How each wire writes an answer with one piece of text, reasoning, refusal or arguments, whole and in pieces. */
interface Replies {
  /** Whole replies with the JSON text of one call's arguments. */
  readonly call: (args: string) => readonly Promise<Decoded>[]
  /** A stream of these pieces of the kinds that the wire has. */
  readonly pieces: Readonly<Record<string, (pieces: readonly string[]) => Promise<Decoded>>>
}

const lines = (...texts: readonly string[]) => ndjson(...texts)
const frames = (...texts: readonly string[]) => sse(...texts.map((text) => text.replaceAll('\n', '\ndata: ')))

const openAi = wireOf('openai')
const openAiChunk = (fields: string, reason = 'null') =>
  `{"choices":[{"index":0,"delta":{${fields}},"message":{${fields}},"finish_reason":${reason}}]}`
const openAiStream = (...fields: readonly string[]) =>
  decodeStream(openAi, [frames(...fields.map((text) => openAiChunk(text)), openAiChunk('', '"stop"'))])
const openAiCall = (args: string) => `"tool_calls":[{"id":"a","index":0,"function":{"name":"f","arguments":${args}}}]`
/** OpenAI names a call in its first piece only; other servers do it in every piece. */
const openAiMore = (args: string) => `"tool_calls":[{"index":0,"function":{"arguments":${args}}}]`

const anthropic = wireOf('anthropic')
const anthropicStream = (...events: readonly string[]) =>
  decodeStream(anthropic, [
    frames(
      '{"type":"message_start","message":{"content":[]}}',
      ...events,
      '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}',
      '{"type":"message_stop"}',
    ),
  ])
const anthropicBlock = (type: string, delta: (piece: string) => object) => (pieces: readonly string[]) =>
  anthropicStream(
    `{"type":"content_block_start","index":0,"content_block":${JSON.stringify({ type, id: 'a', name: 'f', text: '', thinking: '', input: {} })}}`,
    ...pieces.map((piece) => JSON.stringify({ type: 'content_block_delta', index: 0, delta: delta(piece) })),
    '{"type":"content_block_stop","index":0}',
  )

const gemini = wireOf('gemini')
const geminiReply = (parts: string) => `{"candidates":[{"content":{"parts":[${parts}]},"finishReason":"STOP"}]}`
const geminiParts = (part: (piece: string) => object) => (pieces: readonly string[]) =>
  decodeStream(gemini, [frames(...pieces.map((piece) => geminiReply(JSON.stringify(part(piece)))))])

const ollama = wireOf('ollama')
const ollamaLine = (message: string) => `{"message":{${message}},"done":false}`
const ollamaStream = (...messages: readonly string[]) =>
  decodeStream(ollama, [lines(...messages.map(ollamaLine), '{"message":{},"done":true,"done_reason":"stop"}')])
const ollamaMessages = (name: string) => (pieces: readonly string[]) =>
  ollamaStream(...pieces.map((piece) => `"${name}":${JSON.stringify(piece)}`))
const ollamaCall = (args: string) => `"tool_calls":[{"function":{"name":"f","arguments":${args}}}]`

const wires: Readonly<Record<string, Replies>> = {
  openai: {
    call: (args) => [decodeText(openAi, openAiChunk(openAiCall(args), '"stop"')), openAiStream(openAiCall(args))],
    pieces: {
      text: (pieces) => openAiStream(...pieces.map((piece) => `"content":${JSON.stringify(piece)}`)),
      reasoning: (pieces) => openAiStream(...pieces.map((piece) => `"reasoning_content":${JSON.stringify(piece)}`)),
      refusal: (pieces) => openAiStream(...pieces.map((piece) => `"refusal":${JSON.stringify(piece)}`)),
      arguments: (pieces) =>
        openAiStream(openAiCall('""'), ...pieces.map((piece) => openAiMore(JSON.stringify(piece)))),
    },
  },
  anthropic: {
    call: (args) => [
      decodeText(
        anthropic,
        `{"content":[{"type":"tool_use","id":"a","name":"f","input":${args}}],"stop_reason":"tool_use"}`,
      ),
      anthropicStream(
        `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":${args}}}`,
        '{"type":"content_block_stop","index":0}',
      ),
    ],
    pieces: {
      text: anthropicBlock('text', (text) => ({ type: 'text_delta', text })),
      reasoning: anthropicBlock('thinking', (thinking) => ({ type: 'thinking_delta', thinking })),
      arguments: anthropicBlock('tool_use', (partial_json) => ({ type: 'input_json_delta', partial_json })),
    },
  },
  gemini: {
    call: (args) => {
      const reply = geminiReply(`{"functionCall":{"name":"f","args":${args}}}`)
      return [decodeText(gemini, reply), decodeText(gemini, `[${reply}]`), decodeStream(gemini, [frames(reply)])]
    },
    pieces: {
      text: geminiParts((text) => ({ text })),
      reasoning: geminiParts((text) => ({ text, thought: true })),
    },
  },
  ollama: {
    call: (args) => [
      decodeText(ollama, `{"message":{${ollamaCall(args)}},"done":true,"done_reason":"stop"}`),
      // A line holds no line breaks.
      ...(args.includes('\n') ? [] : [ollamaStream(ollamaCall(args))]),
    ],
    pieces: { text: ollamaMessages('content'), reasoning: ollamaMessages('thinking') },
  },
}

const argumentsOf = ({ response }: Decoded) => response?.message?.toolCalls.map((call) => call.arguments)

const said: Readonly<Record<string, (message: ChatResponse['message']) => string | undefined>> = {
  text: (message) => message?.content,
  reasoning: (message) => message?.reasoning[0]?.text,
  refusal: (message) => message?.refusal,
  arguments: (message) => message?.toolCalls[0]?.arguments,
}

describe.each(Object.entries(wires))('%s: the arguments of a tool', (_, { call }) => {
  test.each([
    '{"a":2512292042121000001,"x":1.0,"10":1,"2":2}',
    '{"a":1e400,"b":-0,"c":1E-7}',
    '{"a":1,"a":2}',
    '{ "a" : "\\u0041\\/\\ud83d\\ude00" ,\n "b": [ ] }',
    '{"__proto__":1,"constructor":{"a":1}}',
  ])('are exactly as they stand in the reply: %s', async (args) => {
    for (const decoded of await Promise.all(call(args))) expect(argumentsOf(decoded)).toEqual([args])
  })

  test('are exactly as they stand in the reply, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue(), { minKeys: 1 }),
        fc.nat(3),
        async (value, indent) => {
          const args = JSON.stringify(value, null, indent)
          for (const decoded of await Promise.all(call(args))) expect(argumentsOf(decoded)).toEqual([args])
        },
      ),
      { numRuns: 50 },
    )
  })

  test.each(['{}', 'null', '""'])('are an empty object where there are none: %s', async (args) => {
    for (const decoded of await Promise.all(call(args))) expect(argumentsOf(decoded)).toEqual(['{}'])
  })
})

/** The pieces of a text that is cut at these places. */
function cut(text: string, places: readonly number[]): readonly string[] {
  const edges = [0, ...places.map((place) => Math.min(place, text.length)).sort((a, b) => a - b), text.length]
  return edges.slice(1).map((edge, index) => text.slice(edges[index], edge))
}

const channels = Object.entries(wires).flatMap(([wire, { pieces }]) =>
  Object.entries(pieces).map(([channel, decode]) => [wire, channel, decode] as const),
)

describe.each(channels)('%s: %s', (_, channel, decode) => {
  const joined = async (pieces: readonly string[]) => {
    const decoded = await decode(pieces)
    return { ...decoded, joined: said[channel]?.(decoded.response?.message) }
  }

  test('that is cut within a character is joined', async () => {
    const { joined: text, events } = await joined(['a\ud83d', '\ude00b'])
    expect(text).toBe('a😀b')
    const pieces = events.map(({ event }) => ('value' in event ? { ...event.value } : {}))
    expect(pieces.flatMap(Object.values).filter((value) => typeof value === 'string' && !value.isWellFormed())).toEqual(
      [],
    )
  })

  test('that is cut within a character, with nothing between its halves, is joined', async () => {
    expect((await joined(['a\ud83d', '', '\ude00'])).joined).toBe('a😀')
  })

  test('whose last character never completes ends in U+FFFD', async () => {
    expect((await joined(['a', 'b\ud83d'])).joined).toBe('ab\uFFFD')
  })

  test('is the same however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), fc.array(fc.nat(20)), async (text, cuts) => {
        fc.pre(channel !== 'arguments' || text.trim() !== '')
        expect((await joined(cut(text, cuts))).joined).toBe(text)
      }),
      {
        numRuns: 50,
        // No JSON, so that only the name and the id say which pieces belong to one call.
        examples: [
          ['#[ ', [1]],
          ['\\{', [1]],
          ['-[', [1]],
          [']!', [1]],
          ['12', [1]],
        ],
      },
    )
  })
})

describe('openai: arguments in pieces that all repeat the id and the name', () => {
  const inPieces = (pieces: readonly string[]) =>
    openAiStream(...pieces.map((piece) => openAiCall(JSON.stringify(piece))))

  test('are the same however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' }), { minKeys: 1 }),
        fc.nat(3),
        fc.array(fc.nat(60)),
        async (value, indent, cuts) => {
          const text = JSON.stringify(value, null, indent)
          expect(argumentsOf(await inPieces(cut(text, cuts)))).toEqual([text])
        },
      ),
      { numRuns: 50 },
    )
  })

  test('are those of another call from an object on that can be no part of them', async () => {
    expect(argumentsOf(await inPieces(['#', '[ ']))).toEqual(['#', '[ '])
  })
})

test('a text that is cut within a character by another channel is joined', async () => {
  const { response } = await openAiStream(
    '"content":"a\\ud83d"',
    '"reasoning_content":"\\ude00"',
    '"content":"\\ude00b"',
  )
  expect(response?.message).toMatchObject({ content: 'a😀b', reasoning: [{ text: '\ude00' }] })
})

describe('a finish word', () => {
  test.each([
    ['eos_token', FinishReason.STOP],
    ['STOP', FinishReason.STOP],
    ['COMPLETE', FinishReason.STOP],
    ['End-Turn', FinishReason.STOP],
    ['FinishReason.STOP', FinishReason.STOP],
    ['MAX_TOKENS', FinishReason.LENGTH],
    ['max_output_tokens', FinishReason.LENGTH],
    ['SAFETY', FinishReason.CONTENT_FILTER],
    ['refusal', FinishReason.CONTENT_FILTER],
    ['TOOL_USE', FinishReason.TOOL_CALLS],
    ['whatever', FinishReason.OTHER],
  ])('means the same on every wire: %s', async (word, finishReason) => {
    const replies = [
      decodeText(openAi, openAiChunk('"content":"x"', `"${word}"`)),
      decodeText(anthropic, `{"content":[{"type":"text","text":"x"}],"stop_reason":"${word}"}`),
      decodeText(gemini, geminiReply('{"text":"x"}').replace('STOP', word)),
      decodeText(ollama, `{"message":{"content":"x"},"done":true,"done_reason":"${word}"}`),
    ]
    for (const { response } of await Promise.all(replies)) {
      expect(response).toMatchObject({ finishReason, rawFinishReason: word })
    }
  })

  const piece = openAiChunk('"content":"x"', '"null"')

  test('that is the text "null" is none', async () => {
    const { response } = await decodeStream(openAi, [frames(piece, openAiChunk('', '"stop"'))])
    expect(response).toMatchObject({ finishReason: FinishReason.STOP, rawFinishReason: 'stop' })
    expect((await decodeStream(openAi, [frames(piece)])).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
  })
})

describe('an empty reply', () => {
  test.each([
    ['a stream of [DONE] alone', decodeStream(openAi, [frames('[DONE]')])],
    ['a message without content and reason', decodeText(openAi, openAiChunk('"content":""'))],
    ['a turn without blocks and reason', decodeText(anthropic, '{"content":[],"stop_reason":null}')],
    ['no candidates', decodeText(gemini, '{"candidates":[],"usageMetadata":{"promptTokenCount":3}}')],
    ['a call that went wrong', decodeText(gemini, '{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}')],
    ['an unexpected call', decodeStream(gemini, [frames('{"candidates":[{"finishReason":"UNEXPECTED_TOOL_CALL"}]}')])],
    ['a last line without a reason', decodeStream(ollama, [lines('{"message":{"content":""},"done":true}')])],
  ])('is malformed: %s', async (_, decoded) => {
    expect((await decoded).error).toMatchObject({ reason: 'UPSTREAM_MALFORMED', fallback: true })
  })

  test('is an answer where its reason says so', async () => {
    const { response } = await decodeText(openAi, openAiChunk('"content":""', '"length"'))
    expect(response).toMatchObject({ finishReason: FinishReason.LENGTH, message: { content: '' } })
  })
})
