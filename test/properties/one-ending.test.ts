import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServerName, streamChat } from '../support/client.ts'
import { ConnectClient } from '../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import {
  answers,
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
 * Whatever bytes an upstream sends, over whatever wire, and however it cuts or breaks them, a stream ends in one of two
 * ways: with `finish` and OK, or with an error. It is OK only where an upstream said that the answer was complete. This
 * holds at both doors, with retries, with another target, and where an answer may be begun anew.
 */

const SEED = 20_261_121
const RUNS = 300

let models = 0

let gateway: RunningGateway
let servers: Record<'gRPC' | 'HTTP', ServerName>
let upstream: UpstreamServer
let steady: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream()
  steady = await startUpstream(answers('steady'))
  const limits = 'timeout: { first_token: 150ms, idle: 100ms, total: 2s }'
  const key = `keys: ["$\{KEY}"]`
  gateway = await startGateway({
    yaml: `
      providers:
        openai: { kind: openai, base_url: "${upstream.url}", ${key}, ${limits} }
        anthropic: { kind: anthropic, base_url: "${upstream.url}", ${key}, ${limits} }
        gemini: { kind: gemini, base_url: "${upstream.url}", ${key}, ${limits} }
        ollama: { kind: ollama, base_url: "${upstream.url}", ${limits} }
        steady: { kind: local, base_url: "${steady.url}" }
    `,
    env: { KEY: 'a-key' },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
  await steady.close()
})

const toolCall = { index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }

const json = (value: unknown) => JSON.stringify(value)
const event = (value: { type: string }) => `event: ${value.type}\n${frame(value)}`
const GEMINI_STOP = frame({ candidates: [{ content: { parts: [{ text: '!' }] }, finishReason: 'STOP' }] })

/** What the other wires say, good and bad. */
const PIECES = {
  anthropic: [
    event({ type: 'message_start', ...{ message: { id: 'a', model: 'm', usage: { input_tokens: 1 } } } }),
    event({ type: 'content_block_start', ...{ index: 0, content_block: { type: 'text', text: '' } } }),
    event({ type: 'content_block_delta', ...{ index: 0, delta: { type: 'text_delta', text: 'one ' } } }),
    event({ type: 'content_block_delta', ...{ index: 0, delta: { type: 'text_delta', text: 'two ' } } }),
    event({ type: 'content_block_stop', ...{ index: 0 } }),
    event({ type: 'message_delta', ...{ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } } }),
    event({ type: 'message_stop' }),
    event({ type: 'ping' }),
    event({ type: 'error', ...{ error: { type: 'overloaded_error', message: 'no' } } }),
    frame('{"type":"content_bl'),
  ],
  gemini: [
    frame({ candidates: [{ content: { role: 'model', parts: [{ text: 'one ' }] } }] }),
    frame({ candidates: [{ content: { role: 'model', parts: [{ text: 'two ' }] } }] }),
    GEMINI_STOP,
    frame({ error: { code: 503, status: 'UNAVAILABLE', message: 'no' } }),
    frame('{"candidates":['),
    frame({ promptFeedback: { blockReason: 'SAFETY' } }),
  ],
  ollama: [
    `${json({ model: 'm', message: { role: 'assistant', content: 'one ' }, done: false })}\n`,
    `${json({ model: 'm', message: { role: 'assistant', content: 'two ' }, done: false })}\n`,
    `${json({ model: 'm', message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' })}\n`,
    `${json({ error: 'no' })}\n`,
    '{"model":"m","mess\n',
    '\n',
  ],
} as const
/** Without one of these no answer is complete. */
const COMPLETE =
  /"finish_reason":"stop"|\[DONE\]|"stop_reason":"end_turn"|message_stop|"finishReason"|blockReason|"done":true/

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

const said = {
  wire: fc.constantFrom(
    'openai' as const,
    'openai' as const,
    'anthropic' as const,
    'gemini' as const,
    'ollama' as const,
  ),
  openai: fc.array(piece, { maxLength: 12 }),
  anthropic: fc
    .array(fc.constantFrom(...PIECES.anthropic), { maxLength: 8 })
    .map((more) => [...PIECES.anthropic.slice(0, 3), ...more]),
  gemini: fc.array(fc.constantFrom(...PIECES.gemini), { maxLength: 8 }),
  ollama: fc.array(fc.constantFrom(...PIECES.ollama), { maxLength: 8 }),
}

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
  ...said,
  server: fc.constantFrom('gRPC' as const, 'HTTP' as const),
  /** Whether there is another target, and whether an answer may be begun anew there. */
  another: fc.boolean(),
  allowReset: fc.boolean(),
  /** Where the bytes are cut into writes, and how many of them are sent at all, in parts of the whole. */
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
  sent: fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
  ending: fc.constantFrom('end', 'end', 'end', 'FIN', 'RST', 'stall'),
})
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

function bodyOf(drawn: World): string {
  return drawn[drawn.wire].join('')
}

function replyOf(drawn: World): Reply {
  const { head: drawnHead, wire, framing, cuts, sent, ending } = drawn
  const body = Buffer.from(bodyOf(drawn))
  const type = wire === 'ollama' ? 'application/x-ndjson' : 'text/event-stream'
  // Retries need not wait.
  const head = `${drawnHead.replace('text/event-stream', type)}retry-after-ms: 0\r\n`
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
      const { server, wire, another, allowReset } = drawn
      // Of its own each time: what fails often is left out.
      const model = `m${++models}`
      const request = { model: `${wire}/${model}`, fallbackModels: another ? [`steady/${model}`] : [], allowReset }
      const { cases, text, error } = await streamChat(servers[server], request, { deadline: 100_000 })
      const finishes = cases.filter((name) => name === 'finish').length
      if (error) {
        expect(finishes).toBe(0)
        expect(error.reason).toBeDefined()
        expect(error.code).not.toMatch(/^(INTERNAL|UNKNOWN|DEADLINE_EXCEEDED)$/)
      } else {
        expect(finishes).toBe(1)
        expect(cases[0]).toBe('start')
        expect(cases.at(-1)).toBe('finish')
        if (text.endsWith('steady')) expect(another).toBe(true)
        else expect(bodyOf(drawn)).toMatch(COMPLETE)
      }
      expect(cases.filter((name) => name === 'start').length).toBeLessThanOrEqual(1)
      expect(cases.filter((name) => name === 'reset').length).toBeLessThanOrEqual(another && allowReset ? 1 : 0)
      if (another && allowReset) expect(error?.code).not.toBe('UNAVAILABLE')
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

test('after all of this no call is active', async () => {
  expect(await (await fetch(gateway.metrics)).text()).toMatch(/^active_connections(\{[^}]*\})? 0$/m)
})
