import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamChat } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import {
  DONE,
  delta,
  type Exchange,
  frame,
  type Reply,
  STOP,
  startUpstream,
  type UpstreamServer,
  USAGE,
} from '../support/upstream-server.ts'

/*
 * Whatever bytes an upstream sends, and however it cuts or breaks them, a stream ends in one of two ways: with `finish`
 * and OK, or with an error. It is OK only where the upstream said that the answer was complete.
 */

const SEED = 20_261_121
const RUNS = 150

let gateway: RunningGateway
let client: GrpcClient
let upstream: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    yaml: `
      providers:
        wild: { kind: local, base_url: "${upstream.url}", timeout: { first_token: 150ms, idle: 100ms, total: 2s } }
    `,
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

const toolCall = { index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(delta('one '), delta('two '), delta('')) },
  { weight: 3, arbitrary: fc.constantFrom(STOP, DONE, USAGE, `${STOP}${USAGE}${DONE}`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ': ping\n\n',
      'event: error\n',
      frame({ error: { message: 'no', code: 503 } }),
      frame({ choices: [{ delta: { tool_calls: [toolCall] } }] }),
      frame({ choices: [{ delta: { tool_calls: [{ ...toolCall, index: 7 }] } }] }),
      frame({ choices: [] }),
      frame('{"choices":['),
      frame('null'),
      frame('"text"'),
      '\n',
      '\r\n\r\n',
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }).map((text) => frame(text.replaceAll('\n', ''))) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 3 }).map((text) => frame(text)) },
)

const world = fc.record({
  head: fc.oneof(
    { weight: 8, arbitrary: fc.constant('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n',
        'HTTP/1.1 200 OK\r\n',
        'HTTP/1.1 503 Busy\r\n',
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n',
        'HTTP/9.9 200\r\n',
      ),
    },
  ),
  framing: fc.constantFrom('chunked', 'until close', 'length'),
  pieces: fc.array(piece, { maxLength: 12 }),
  /** Where the bytes are cut into writes, and how many of them are sent at all, in parts of the whole. */
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
  sent: fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
  ending: fc.constantFrom('end', 'end', 'end', 'FIN', 'RST', 'stall'),
})
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

function replyOf({ head, framing, pieces, cuts, sent, ending }: World): Reply {
  const body = Buffer.from(pieces.join(''))
  const bytes = Buffer.from([head, framingHeader(framing, body.length), framed(body, framing)].join(''))
  const last = Math.floor(bytes.length * sent)
  const places = [...new Set([0, ...cuts.map((cut) => Math.floor(last * cut)), last])].sort((a, b) => a - b)
  return async ({ socket }: Exchange) => {
    for (const [index, from] of places.entries()) {
      if (socket.destroyed) return
      await new Promise((written) => socket.write(bytes.subarray(from, places[index + 1] ?? from), written))
    }
    if (ending === 'RST') socket.resetAndDestroy()
    else if (ending === 'FIN' || (ending === 'end' && framing === 'until close')) socket.end()
  }
}

function framingHeader(framing: World['framing'], length: number): string {
  if (framing === 'chunked') return 'transfer-encoding: chunked\r\n\r\n'
  return framing === 'length' ? `content-length: ${length}\r\n\r\n` : 'connection: close\r\n\r\n'
}

function framed(body: Buffer, framing: World['framing']): string {
  if (framing !== 'chunked') return body.toString()
  return body.length > 0 ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : '0\r\n\r\n'
}

test(`a stream has exactly one ending, and it is the right one (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(world, async (drawn) => {
      upstream.answer(replyOf(drawn))
      const { cases, error } = await streamChat(client, { model: 'wild/m' }, { deadline: 5000 })
      const finishes = cases.filter((name) => name === 'finish').length
      if (error) {
        expect(finishes).toBe(0)
        expect(error.reason).toBeDefined()
        expect(error.code).not.toMatch(/^(INTERNAL|UNKNOWN|DEADLINE_EXCEEDED)$/)
      } else {
        expect(finishes).toBe(1)
        expect(cases[0]).toBe('start')
        expect(cases.at(-1)).toBe('finish')
        expect(drawn.pieces.join('')).toMatch(/"finish_reason":"stop"|\[DONE\]/)
      }
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

test('after all of this no call is active', async () => {
  expect(await (await fetch(gateway.metrics)).text()).toMatch(/^active_connections(\{[^}]*\})? 0$/m)
})
