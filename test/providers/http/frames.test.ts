import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Framing, framingFor, MAX_LINE, NdjsonFraming, SseFraming } from '../../../src/providers/http/frames.ts'

type Frame = readonly [data: string, event: string]

/** The frames of a body that arrives in these chunks. */
function framesOf(
  make: (onFrame: (data: string, event: string) => void) => Framing,
  chunks: readonly Buffer[],
): Frame[] {
  const frames: Frame[] = []
  const framing = make((data, event) => void frames.push([data, event]))
  for (const chunk of chunks) framing.write(chunk)
  framing.end()
  return frames
}

const sse = (...chunks: string[]) =>
  framesOf(
    (onFrame) => new SseFraming(onFrame),
    chunks.map((chunk) => Buffer.from(chunk)),
  )

/** Cuts a body at the given places. */
function cut(body: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.map((place) => place % (body.length + 1)), body.length].sort((a, b) => a - b)
  return edges.slice(1).map((edge, index) => body.subarray(edges[index], edge))
}

describe('server-sent events', () => {
  test.each([
    [
      'a space after the colon, and none',
      'data: a\n\ndata:b\n\n',
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    ['CRLF', 'data: a\r\n\r\n', [['a', '']]],
    ['a byte order mark', '\uFEFFdata: a\n\n', [['a', '']]],
    ['comments', ': waiting\n\ndata: a\n: more\n\n', [['a', '']]],
    ['data in several lines', 'data: a\ndata: b\n\n', [['a\nb', '']]],
    [
      'names of events',
      'event: error\ndata: a\n\ndata: b\n\n',
      [
        ['a', 'error'],
        ['b', ''],
      ],
    ],
    ['fields that are passed over', 'id: 1\nretry: 5\nfoo: x\ndata: a\n\n', [['a', '']]],
    ['empty data', 'data:\n\n', [['', '']]],
    ['only the first space is taken', 'data:  a\n\n', [[' a', '']]],
    [
      'an end without a blank line',
      'data: {"a":1}\n\ndata: [DONE]',
      [
        ['{"a":1}', ''],
        ['[DONE]', ''],
      ],
    ],
    ['an end in the midst of an event', 'data: {"a":1}\n\ndata: {"b":', [['{"a":1}', '']]],
  ])('%s', (_, body, frames) => {
    expect(sse(body)).toEqual(frames)
  })
})

const line = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => `data: ${JSON.stringify({ text })}`),
  fc.constantFrom('', '', 'data:', 'data: [DONE]', ': comment', 'event: error', 'id: 7', 'data: größer 💡 日本'),
)
const lineEnd = fc.constantFrom('\n', '\r\n')
const body = fc
  .array(
    fc.tuple(line, lineEnd).map((parts) => parts.join('')),
    { maxLength: 20 },
  )
  .map((lines) => Buffer.from(lines.join('')))

test.each([
  ['server-sent events', (onFrame: (data: string, event: string) => void) => new SseFraming(onFrame)],
  ['lines of JSON', (onFrame: (data: string, event: string) => void) => new NdjsonFraming(onFrame)],
])('%s are the same however the body is cut', (_, make) => {
  fc.assert(
    fc.property(body, fc.array(fc.nat(2_000), { maxLength: 30 }), (bytes, places) => {
      const whole = framesOf(make, [bytes])
      expect(framesOf(make, cut(bytes, places))).toEqual(whole)
      expect(
        framesOf(
          make,
          Array.from(bytes, (byte) => Buffer.of(byte)),
        ),
      ).toEqual(whole)
    }),
    { numRuns: 300 },
  )
})

describe('an object that stands bare in a stream of events', () => {
  const bare = '{\n  "error": {\n    "code": 503\n  }\n}'

  test.each([
    ['at its end', `data: a\n\n${bare}`],
    ['with a line after it', `data: a\r\n\r\n${bare.replaceAll('\n', '\r\n')}\r\n`],
    ['right after an event', `data: a\n\n${bare}\n\n`],
  ])('is its last frame: %s', (_, body) => {
    const [first, last, ...more] = sse(body)
    expect([first, more]).toEqual([['a', ''], []])
    expect(JSON.parse(last?.[0] ?? '')).toEqual({ error: { code: 503 } })
  })

  test('is dropped where a break cut it, like anything else outside of the format', () => {
    expect(sse(`data: a\n\n${bare.slice(0, -1)}`)).toEqual([['a', '']])
    expect(sse('data: a\n\nnonsense\n')).toEqual([['a', '']])
  })
})

describe('limits', () => {
  const longest = Buffer.alloc(MAX_LINE - 6, 'x')

  test('a line of 1 MiB passes, a longer one does not, however it is cut', () => {
    const frames = framesOf(
      (onFrame) => new SseFraming(onFrame),
      [Buffer.concat([Buffer.from('data: '), longest]), Buffer.from('\n\n')],
    )
    expect(frames[0]?.[0]).toHaveLength(MAX_LINE - 6)
    const tooLong = Buffer.concat([Buffer.from('data: x'), longest])
    const write =
      (...chunks: Buffer[]) =>
      () =>
        framesOf((onFrame) => new SseFraming(onFrame), chunks)
    expect(write(Buffer.concat([tooLong, Buffer.from('\n\n')]))).toThrow(/1 MiB/)
    expect(write(tooLong)).toThrow(/1 MiB/)
    expect(write(...Array<Buffer>(64).fill(Buffer.alloc(MAX_LINE / 32, 'x')))).toThrow(/1 MiB/)
  })

  test('an event of many lines has the same limit', () => {
    const lines = Array<Buffer>(3).fill(Buffer.from(`data: ${'x'.repeat(MAX_LINE / 2)}\n`))
    expect(() => framesOf((onFrame) => new SseFraming(onFrame), lines)).toThrow(/1 MiB/)
  })
})

test.each([
  ['application/json', true, NdjsonFraming],
  ['', true, NdjsonFraming],
  ['application/json', false, undefined],
  ['text/html', true, undefined],
  ['text/event-stream', true, SseFraming],
])(
  'of a vendor whose streams are lines of JSON, a reply of type %j to a call that was streamed: %s',
  (contentType, streamed, expected) => {
    const framing = framingFor(contentType, streamed, () => {}, 'ndjson')
    if (expected) expect(framing).toBeInstanceOf(expected)
    else expect(framing).toBeUndefined()
  },
)

test.each([
  ['text/event-stream; charset=utf-8', false, SseFraming],
  ['application/x-ndjson', true, NdjsonFraming],
  ['application/json', true, undefined],
  ['text/html', true, undefined],
  ['', true, SseFraming],
  ['', false, undefined],
])('a reply of type %j to a call that was streamed: %s', (contentType, streamed, expected) => {
  const framing = framingFor(contentType, streamed, () => {})
  if (expected) expect(framing).toBeInstanceOf(expected)
  else expect(framing).toBeUndefined()
})
