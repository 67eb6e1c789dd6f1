import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ChatInit, chat, embed, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import {
  answers,
  begin,
  beginThen,
  bytesThenFin,
  chatBody,
  DONE,
  delta,
  frame,
  json,
  type Reply,
  reset,
  STOP,
  silence,
  startForgetfulUpstream,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* Replies that break off, stall, make no sense or never end: before and after the caller has part of the answer. */

let gateway: RunningGateway
let client: GrpcClient
let first: UpstreamServer
let second: UpstreamServer
let kept: UpstreamServer

beforeAll(async () => {
  first = await startUpstream(silence)
  second = await startUpstream(answers('second'))
  kept = await startForgetfulUpstream('first use')
  gateway = await startGateway({
    yaml: `
      providers:
        first: { kind: local, base_url: "${first.url}" }
        impatient:
          { kind: local, base_url: "${first.url}", timeout: { first_token: 2s, idle: 2s, total: 6s } }
        second: { kind: local, base_url: "${second.url}" }
        kept: { kind: local, base_url: "${kept.url}" }
    `,
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await first.close()
  await second.close()
  await kept.close()
})

const SSE_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
const ERROR = { message: 'no', type: 'server_error', code: null }

let models = 0
/** A target that no test has asked: what failed often is left out. */
function only(provider: string): { model: string } {
  return { model: `${provider}/m${++models}` }
}

/** The same, and another to fall back to. */
function orSecond(provider: string): ChatInit {
  return { ...only(provider), fallbackModels: [`second/m${models}`] }
}

type Row = readonly [name: string, reply: Reply, reason: string]

/** Only where time decides: on a busy machine everything else may take longer than an impatient gateway waits. */
function askedAs(reason: string): 'first' | 'impatient' {
  return /TIMEOUT/.test(reason) ? 'impatient' : 'first'
}

/** What may happen before the first meaningful event. */
const BEFORE: readonly Row[] = [
  ['is reset before its headers', reset, 'UPSTREAM_RESET'],
  ['is reset after its headers', beginThen([': ping\n\n'], ({ socket }) => socket.resetAndDestroy()), 'UPSTREAM_RESET'],
  ['is closed before its headers', ({ socket }) => void socket.end(), 'UPSTREAM_RESET'],
  ['is closed before a word', bytesThenFin(`${SSE_HEAD}connection: close\r\n\r\n`), 'UPSTREAM_STREAM_TRUNCATED'],
  ['ends before a word', stream(), 'UPSTREAM_STREAM_TRUNCATED'],
  ['stalls before its first token', begin(': ping\n\n'), 'UPSTREAM_TIMEOUT'],
  ['is no HTTP', bytesThenFin('SSH-2.0-OpenSSH_9.6\r\n'), 'UPSTREAM_MALFORMED'],
  ['begins with broken JSON', stream(frame('{"choices":['), delta('late'), STOP, DONE), 'UPSTREAM_MALFORMED'],
  ['has a line of 33 MiB', stream('x'.repeat(33 << 20)), 'UPSTREAM_LIMIT'],
  [
    'has an event of 33 MiB',
    stream(...Array.from({ length: 33 }, () => `data: ${'x'.repeat(1 << 20)}\n`)),
    'UPSTREAM_LIMIT',
  ],
  [
    'is compressed',
    ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      response.end(gzipSync(`${delta('x'.repeat(10 << 20))}${STOP}${DONE}`))
    },
    'UPSTREAM_LIMIT',
  ],
  ['has 70 KiB of headers', json({}, 200, { 'x-long': 'x'.repeat(70 << 10) }), 'UPSTREAM_LIMIT'],
  ['tells an error without a type', stream(frame({ error: { message: 'no' } })), 'UPSTREAM_STREAM_ERROR'],
  ['tells a server error', stream(frame({ error: ERROR })), 'UPSTREAM_ERROR'],
  [
    'tells an error as an event',
    stream(`event: error\n${frame({ error: { ...ERROR, code: 404 } })}`),
    'LOCAL_MODEL_MISSING',
  ],
  [
    'tells that it is overloaded',
    stream(frame({ error: { ...ERROR, type: 'overloaded_error' } })),
    'UPSTREAM_OVERLOADED',
  ],
  [
    'begins with the tool call number 1000000000',
    stream(frame({ choices: [{ delta: { tool_calls: [{ index: 1e9, id: 'a', function: { name: 'f' } }] } }] })),
    'UPSTREAM_LIMIT',
  ],
]

describe.each(BEFORE)('where a streamed reply %s', (_, reply, reason) => {
  const provider = askedAs(reason)

  test('the next target answers, and the caller notices nothing', async () => {
    first.answer(reply)
    const { text, cases, error } = await streamChat(client, orSecond(provider))
    expect(error).toBeUndefined()
    expect(text).toBe('second')
    expect(cases).toEqual(['start', 'text', 'finish'])
  })

  test('the error says so when there is no other target', async () => {
    first.answer(reply)
    const { messages, error } = await streamChat(client, only(provider))
    expect(messages).toEqual([])
    expect(error).toMatchObject({ reason, metadata: { committed: 'false' }, detail: { committed: false } })
  })
})

const PART = [delta('one '), delta('two ')]

/** What may happen once the caller has "one two ". */
const AFTER: readonly Row[] = [
  ['is reset', beginThen(PART, ({ socket }) => socket.resetAndDestroy()), 'UPSTREAM_STREAM_TRUNCATED'],
  [
    'is closed inside a chunk',
    beginThen(PART, ({ socket }) => void socket.end('ff\r\ndata')),
    'UPSTREAM_STREAM_TRUNCATED',
  ],
  [
    'is closed without an end, as `connection: close` allows',
    bytesThenFin(`${SSE_HEAD}connection: close\r\n\r\n`, ...PART),
    'UPSTREAM_STREAM_TRUNCATED',
  ],
  ['ends without saying that it is complete', stream(...PART), 'UPSTREAM_STREAM_TRUNCATED'],
  ['ends inside an event', stream(...PART, 'data: {"choices":[{"delta":{"con'), 'UPSTREAM_STREAM_TRUNCATED'],
  ['stalls', begin(...PART), 'UPSTREAM_IDLE_TIMEOUT'],
  ['holds broken JSON', stream(...PART, frame('{"choices":['), STOP, DONE), 'UPSTREAM_MALFORMED'],
  ['holds a line of 33 MiB', stream(...PART, 'x'.repeat(33 << 20)), 'UPSTREAM_LIMIT'],
  ['tells an error', stream(...PART, frame({ error: ERROR })), 'UPSTREAM_STREAM_ERROR'],
  ['tells a rate limit', stream(...PART, frame({ error: { ...ERROR, code: 429 } })), 'UPSTREAM_STREAM_ERROR'],
  [
    'jumps to the tool call number 1000000000',
    stream(
      ...PART,
      frame({ choices: [{ delta: { tool_calls: [{ index: 1e9, id: 'a', function: { name: 'f' } }] } }] }),
    ),
    'UPSTREAM_LIMIT',
  ],
]

describe.each(AFTER)('where a streamed reply %s in the middle', (_, reply, reason) => {
  const provider = askedAs(reason)

  test('the caller keeps what came, is told that it is not all, and nobody else is asked', async () => {
    first.answer(reply)
    const asked = second.hits.length
    const { text, cases, error } = await streamChat(client, orSecond(provider))
    expect(text).toBe('one two ')
    expect(cases).not.toContain('finish')
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason, metadata: { committed: 'true', provider } })
    expect(error?.detail).toMatchObject({ committed: true, usage: { estimated: true, output: 2 } })
    expect(second.hits.length).toBe(asked)
  })
})

test('a failure that a vendor tells in the middle keeps its code where it is not one of those that pass', async () => {
  first.answer(stream(...PART, frame({ error: { ...ERROR, code: 400 } })))
  const { text, cases, error } = await streamChat(client, orSecond('first'))
  expect(text).toBe('one two ')
  expect(cases).not.toContain('finish')
  expect(error).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'UPSTREAM_INVALID_REQUEST',
    detail: { committed: true },
  })
})

test('an answer that goes on for ever is ended at the longest time for it', async () => {
  first.answer(({ response, socket }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const dripping = setInterval(() => response.write(delta('drip ')), 500)
    socket.once('close', () => clearInterval(dripping))
  })
  const { text, error } = await streamChat(client, orSecond('impatient'))
  expect(text).toMatch(/^(drip ){4,}$/)
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'GATEWAY_MAX_DURATION' })
})

/** Replies to a call that wants its answer whole. */
const WHOLE: readonly Row[] = [
  ['never begins', silence, 'UPSTREAM_TIMEOUT'],
  [
    'stalls',
    ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"choices":[')
    },
    'UPSTREAM_TIMEOUT',
  ],
  ['is HTML', json('<html>down for maintenance</html>', 200, { 'content-type': 'text/html' }), 'UPSTREAM_MALFORMED'],
  ['is empty', json(''), 'UPSTREAM_MALFORMED'],
  ['is half a JSON value', json('{"choices":[{"message":{"content":"ha'), 'UPSTREAM_MALFORMED'],
  ['is a JSON value of another sort', json([42]), 'UPSTREAM_MALFORMED'],
  ['has no choice', json({ ...chatBody(''), choices: [] }), 'UPSTREAM_MALFORMED'],
  ['has the status 204', json('', 204), 'UPSTREAM_MALFORMED'],
  ['is a failure with the status 200', json({ error: ERROR }), 'UPSTREAM_ERROR'],
  [
    'is closed in its middle',
    bytesThenFin('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"choices":['),
    'UPSTREAM_RESET',
  ],
  ['has 33 MiB', json(' '.repeat(33 << 20)), 'UPSTREAM_LIMIT'],
]

describe.each(WHOLE)('where a whole reply %s', (_, reply, reason) => {
  const provider = askedAs(reason)

  test('the next target answers', async () => {
    first.answer(reply)
    const { value } = await chat(client, orSecond(provider))
    expect(value?.message?.content).toBe('second')
    expect(value?.route?.attempts.at(0)).toMatchObject({ reason })
    expect(value?.route?.attempts.at(-1)).toMatchObject({ reason: '' })
  })

  test('embeddings fail, because they have no other target', async () => {
    first.answer(reply)
    const { error } = await embed(client, only(provider))
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason, metadata: { provider } })
  })
})

test('where a connection that was kept open is reset when it is used again, another one serves', async () => {
  await chat(client, { model: 'kept/m' })
  const { value } = await chat(client, { model: 'kept/m' })
  expect(value?.message?.content).toBe('first use')
  expect(value?.route?.attempts).toMatchObject([{ reason: 'UPSTREAM_RESET' }, { provider: 'kept', reason: '' }])
})

test('an answer of a million pieces of tool calls is cut at what an answer can have', async () => {
  const piece = (index: number) =>
    frame({
      choices: [{ delta: { tool_calls: [{ index, id: `c${index}`, function: { name: 'f', arguments: '{}' } }] } }],
    })
  first.answer(stream(Array.from({ length: 2000 }, (_, index) => piece(index)).join(''), STOP, DONE))
  const { cases, error } = await streamChat(client, only('first'))
  expect(cases.filter((name) => name === 'toolCall')).toHaveLength(1024)
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_LIMIT' })
})
