import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Framing, NdjsonFraming, SseFraming } from '../../../../src/providers/http/body/frames.ts'

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
    [
      'CR',
      'data: a\r\rdata: b\r\r',
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    ['blanks around the last word', 'data:  [DONE] \n\n', [['[DONE]', '']]],
    ['data of blanks', 'data:   \n\n', [['', '']]],
    [
      'events without blank lines between them',
      'data: {"a":1}\ndata: {"b":2}\ndata: [DONE]\n',
      [
        ['{"a":1}', ''],
        ['{"b":2}', ''],
        ['[DONE]', ''],
      ],
    ],
    ['one value on several lines', 'data: {"a":\ndata: 1}\n\n', [['{"a":\n1}', '']]],
    ['comments', ': waiting\n\ndata: a\n: more\n\n', [['a', '']]],
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
    ['only the first space is taken', `data:  ${'a'.repeat(20)}\n\n`, [[` ${'a'.repeat(20)}`, '']]],
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
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
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

test('a line has no limit of its own, and is joined whatever its pieces are', () => {
  const data = JSON.stringify('x'.repeat(2 ** 21))
  const body = Buffer.from(`data: ${data}\n\n`)
  const bytes = Array.from({ length: 5000 }, (_, at) => body.subarray(at, at + 1))
  const framing = (onFrame: (data: string, event: string) => void) => new SseFraming(onFrame)
  expect(framesOf(framing, [...bytes, body.subarray(5000)])).toEqual([[data, '']])
})

test('bytes are held until their frame is complete', () => {
  const framing = new SseFraming(() => {})
  framing.write(Buffer.from('data: {"a"'))
  expect(framing.held).toBe(10)
  framing.write(Buffer.from(':1}\n\n'))
  expect(framing.held).toBe(0)
})
