import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FinishReason } from '../../../../src/domain/types.ts'
import { chat, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import {
  answers,
  chatBody,
  DONE,
  delta,
  frame,
  json,
  STOP,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* Good answers in every shape in which servers send them, and what they report of their usage. */

let gateway: RunningGateway
let client: GrpcClient
let upstream: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    yaml: `
      providers:
        plain: { kind: local, base_url: "${upstream.url}" }
        always-streamed: { kind: local, base_url: "${upstream.url}", stream_unary: true }
        priced: { kind: local, base_url: "${upstream.url}" }
      prices:
        priced/m: { input: 2, output: 10 }
    `,
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

const TEXT = 'Grüße, 世界 👋\n"done"'
const WORDS = ['Grüße, ', '世界 ', '👋\n', '"done"']
const USAGE = frame({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } })
const USUAL = [...WORDS.map(delta), STOP, USAGE, DONE].join('')

/** The same answer, cut where it may be cut. */
function sliced(text: string, size: number): Buffer[] {
  const bytes = Buffer.from(text)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}

describe.each([
  ['in one piece', [USUAL]],
  ['byte by byte', sliced(USUAL, 1)],
  ['in slices of 7 bytes, which cut characters', sliced(USUAL, 7)],
  ['without a space after the colon', [USUAL.replaceAll('data: ', 'data:')]],
  ['with CRLF', sliced(USUAL.replaceAll('\n', '\r\n'), 13)],
  ['after a byte order mark', [`\uFEFF${USUAL}`]],
  ['with comments, ids and retry times', [USUAL.replaceAll('data: ', ': ping\nid: 1\nretry: 10\ndata: ')]],
  ['with data on several lines', [USUAL.replaceAll('"choices":', '\ndata: "choices":')]],
  ['without the last blank line', [USUAL.slice(0, -1)]],
  ['without [DONE]', [USUAL.slice(0, -DONE.length)]],
  ['as plain text', [USUAL]],
])('an answer that is sent %s', (name, pieces) => {
  test('arrives whole, with its usage', async () => {
    upstream.answer(({ response }) => {
      response.writeHead(200, name === 'as plain text' ? {} : { 'content-type': 'text/event-stream' })
      for (const piece of pieces) response.write(piece)
      response.end()
    })
    const { text, messages, error } = await streamChat(client, { model: 'plain/m' })
    expect(error).toBeUndefined()
    expect(text).toBe(TEXT)
    expect(messages.at(-1)?.event).toMatchObject({
      case: 'finish',
      value: { finishReason: FinishReason.STOP, usage: { input: 5, output: 7, total: 12, estimated: false } },
    })
  })
})

test('a whole answer may be asked for as a stream, and be the same', async () => {
  upstream.answer(stream(USUAL))
  const { value } = await chat(client, { model: 'always-streamed/m' })
  expect(upstream.hits.at(-1)?.json['stream']).toBe(true)
  expect(value).toMatchObject({ message: { content: TEXT }, usage: { input: 5, output: 7 } })
})

test('a whole answer to a request for a stream is streamed in one piece', async () => {
  upstream.answer(json(chatBody('whole')))
  const { text, cases, error } = await streamChat(client, { model: 'plain/m' })
  expect(error).toBeUndefined()
  expect({ text, cases }).toEqual({ text: 'whole', cases: ['start', 'text', 'finish'] })
})

describe('usage', () => {
  const HI = 1 // "hi" is about one token, the answer "12345678" about two.
  test.each([
    ['absent is estimated, and marked so', undefined, { input: HI, output: 2, total: 3, estimated: true }],
    ['of 0 beside a text is estimated', { prompt_tokens: 0, completion_tokens: 0 }, { output: 2, estimated: true }],
    ['below 0 is estimated', { prompt_tokens: 5, completion_tokens: -9 }, { input: 5, output: 2, estimated: true }],
    ['that is a fraction is estimated', { prompt_tokens: 5, completion_tokens: 1.5 }, { output: 2, estimated: true }],
    ['that is a text is estimated', { prompt_tokens: '5', completion_tokens: 3 }, { input: HI, estimated: true }],
    ['of 2^53 is estimated', { prompt_tokens: 5, completion_tokens: 2 ** 53 }, { output: 2, estimated: true }],
  ])('%s', async (_, usage, expected) => {
    upstream.answer(json(chatBody('12345678', { usage })))
    const { value } = await chat(client, { model: 'priced/m' })
    expect(value?.usage).toMatchObject(expected)
    expect(value?.cost?.usd).toBeGreaterThanOrEqual(0)
    expect(value?.cost?.estimated).toBe(expected.estimated)
  })

  test('that is told in every chunk counts once, as it is told last', async () => {
    const reported = (tokens: number) =>
      frame({ choices: [{ delta: { content: 'x' } }], usage: { prompt_tokens: 1000, completion_tokens: tokens } })
    upstream.answer(stream(reported(1), reported(2), reported(300), STOP, DONE))
    const { messages } = await streamChat(client, { model: 'priced/m' })
    expect(messages.at(-1)?.event.value).toMatchObject({
      usage: { input: 1000, output: 300, total: 1300, estimated: false },
      cost: { usd: 0.005, inputUsd: 0.002, outputUsd: 0.003 },
    })
  })
})

test("two answers with the same id of the vendor's have two of ours", async () => {
  upstream.answer(answers('twice'))
  const [one, two] = [await chat(client, { model: 'plain/m' }), await chat(client, { model: 'plain/m' })]
  expect(one.value?.route?.upstreamId).toBe('chatcmpl-1')
  expect(two.value?.route?.upstreamId).toBe('chatcmpl-1')
  expect(one.value?.id).not.toBe(two.value?.id)
})

test('arguments of a tool call arrive as the model wrote them, dangerous names and all', async () => {
  const text = '{"__proto__":{"admin":true},"constructor":{"prototype":1},  "a":1}'
  const call = { index: 0, id: 'call_a', function: { name: 'f', arguments: text } }
  upstream.answer(stream(frame({ choices: [{ delta: { tool_calls: [call] } }] }), STOP, DONE))
  const { messages } = await streamChat(client, { model: 'plain/m' })
  expect(messages[1]?.event.value).toMatchObject({ index: 0, id: 'call_a', name: 'f', arguments: text })
  expect(messages.at(-1)?.event.value).toMatchObject({ finishReason: FinishReason.TOOL_CALLS, rawFinishReason: 'stop' })
})
