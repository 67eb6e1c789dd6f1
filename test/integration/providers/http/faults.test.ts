import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome, Role } from '../../../../src/domain/types.ts'
import { type CallError, type CallOptions, type ChatInit, chat, streamChat } from '../../../support/client.ts'
import { eventually } from '../../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { type ModelUpstream, startModelUpstream } from '../../../support/model-upstream.ts'
import { freePort } from '../../../support/ports.ts'
import {
  answers,
  begin,
  beginThen,
  bytesThenFin,
  chatBody,
  DONE,
  delta,
  failure,
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

/*
 * What breaks upstream, one fault after the other: what the caller gets, and how often each target is asked. Every test
 * has a model of its own, so that none meets the breaker of another.
 */

let gateway: RunningGateway
let client: GrpcClient
let first: ModelUpstream
let second: ModelUpstream
let kept: UpstreamServer

beforeAll(async () => {
  first = await startModelUpstream('first')
  second = await startModelUpstream('second')
  kept = await startForgetfulUpstream('fresh')
  const key = `keys: ["$\{KEY}"]`
  const limits = 'timeout: { connect: 2s, first_token: 2s, idle: 2s, total: 6s }'
  gateway = await startGateway({
    movableTime: true,
    yaml: `
      server: { max_deadline: 100s }
      providers:
        first: { kind: openai, base_url: "${first.url}", ${key} }
        impatient: { kind: openai, base_url: "${first.url}", ${key}, ${limits} }
        second: { kind: openai, base_url: "${second.url}", ${key} }
${spares.map((name) => `        ${name}: { kind: openai, base_url: "${first.url}", ${key} }`).join('\n')}
        refusing: { kind: openai, base_url: "http://127.0.0.1:${await freePort()}", ${key} }
        nameless: { kind: openai, base_url: "http://no-such-host.invalid", ${key} }
        kept: { kind: openai, base_url: "${kept.url}", ${key} }
      models:
        hasty:
          targets: [first/hasty, second/hasty]
          timeout: { first_token: 2s, idle: 2s, total: 6s }
        careful: { targets: [first/careful, second/careful], on_unknown: fail }
      prices:
        first/priced: { input: 1, output: 1 }
        second/priced: { input: 100, output: 100 }
    `,
    env: { KEY: 'a-key' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await Promise.all([first.close(), second.close(), kept.close()])
})

/** A key that was refused is not used again: who refuses one is a provider of its own. */
const spares = Array.from({ length: 5 }, (_, index) => `spare-${index + 1}`)

let models = 0
/** A model that no other test has. */
function newModel(): string {
  return `m${++models}`
}

/** What became of a call, and how often each target was asked. */
interface Result {
  readonly text: string
  readonly cases: readonly (string | undefined)[]
  readonly error: CallError | undefined
  /** At the first and at the second target. */
  readonly hits: readonly [number, number]
}

interface Question {
  readonly provider?: string
  /** Whether there is a second target. */
  readonly alone?: boolean
  readonly streamed?: boolean
  readonly request?: ChatInit
  readonly options?: CallOptions
}

async function ask(replies: readonly Reply[], question: Question = {}, after: readonly Reply[] = []): Promise<Result> {
  const { provider = 'first', alone = false, streamed = true, request = {}, options } = question
  const model = newModel()
  first.answer(model, ...replies)
  if (after.length > 0) second.answer(model, ...after)
  const whole = { model: `${provider}/${model}`, fallbackModels: alone ? [] : [`second/${model}`], ...request }
  const reported = streamed ? await streamChat(client, whole, options) : await unary(whole, options)
  return { ...reported, hits: [first.hits(model).length, second.hits(model).length] }
}

async function unary(request: ChatInit, options?: CallOptions) {
  const { value, error } = await chat(client, request, options)
  return { text: value?.message?.content ?? '', cases: [], error }
}

const PART = [delta('one '), delta('two ')]
const SSE_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
const limited = (retryAfter: string) => failure(429, {}, { 'retry-after': retryAfter })

type Row = readonly [fault: string, replies: readonly Reply[], hits: readonly [number, number], question: Question]

describe('the next target answers, and the caller notices nothing, when the first one', () => {
  test.each<Row>([
    ['refuses the connection', [], [0, 1], { provider: 'refusing' }],
    ['has a name that is not known', [], [0, 1], { provider: 'nameless' }],
    ['takes the request and sends no headers', [silence], [1, 1], { provider: 'impatient' }],
    ['is reset after its headers', [beginThen([': ping\n\n'], ({ socket }) => socket.resetAndDestroy())], [1, 1], {}],
    ['is closed before a word', [bytesThenFin(`${SSE_HEAD}connection: close\r\n\r\n`)], [1, 1], {}],
    ['stalls before its first token', [begin(': ping\n\n')], [1, 1], { provider: 'impatient' }],
    ['asks to wait for an hour', [limited('3600')], [1, 1], {}],
    ['asks to wait until a date', [limited('Wed, 21 Oct 2037 07:28:00 GMT')], [1, 1], {}],
    ['asks to wait, in words that mean nothing', [limited('abc')], [2, 1], {}],
    ['asks to wait for less than nothing', [limited('-5')], [2, 1], {}],
    ['asks to wait for longer than there is time', [limited('1e99')], [2, 1], {}],
    ['has no quota left', [failure(429, { code: 'insufficient_quota' })], [1, 1], { provider: 'spare-1' }],
    ['is overloaded, twice', [failure(503)], [2, 1], {}],
    ['fails, twice', [failure(500)], [2, 1], { streamed: false }],
    ['is behind a proxy that fails', [failure(502)], [1, 1], {}],
    ['refuses the key', [failure(401)], [1, 1], { provider: 'spare-2' }],
    ['refuses the account', [failure(403)], [1, 1], { provider: 'spare-3' }],
    ['does not have the model', [failure(404)], [1, 1], {}],
    ['redirects', [json('', 307, { location: 'http://127.0.0.1:9/' })], [1, 1], {}],
  ])('%s', async (_, replies, hits, question) => {
    const result = await ask(replies, question)
    expect(result.error).toBeUndefined()
    expect(result.text).toBe('second')
    expect(result.hits).toEqual(hits)
  })
})

describe('the first target answers when it is asked once more after it', () => {
  test.each<Row>([
    ['was overloaded (503)', [failure(503), answers('again')], [2, 0], {}],
    ['was overloaded (529)', [failure(529), answers('again')], [2, 0], {}],
    ['had no spare capacity (498)', [failure(498), answers('again')], [2, 0], {}],
    ['failed (500)', [failure(500), answers('again')], [2, 0], { streamed: false }],
    ['failed for a moment (408)', [failure(408), answers('again')], [2, 0], {}],
    ['failed for a moment (409)', [failure(409), answers('again')], [2, 0], {}],
    [
      'told in a stream that it was overloaded',
      [stream(`data: {"error":{"type":"overloaded_error"}}\n\n`), answers('again')],
      [2, 0],
      {},
    ],
  ])('%s', async (_, replies, hits, question) => {
    const result = await ask(replies, question)
    expect(result.error).toBeUndefined()
    expect(result.text).toBe('again')
    expect(result.hits).toEqual(hits)
  })

  test('asked to wait for a second', async () => {
    const { text, hits } = await ask([limited('1'), answers('again')])
    expect({ text, hits }).toEqual({ text: 'again', hits: [2, 0] })
  })

  test('closed a connection that had been idle', async () => {
    await chat(client, { model: 'kept/m' })
    const before = kept.hits.length
    const { value } = await chat(client, { model: 'kept/m', fallbackModels: ['second/m'] })
    expect(value?.message?.content).toBe('fresh')
    expect(value?.route?.attempts).toMatchObject([{ reason: 'UPSTREAM_RESET' }, { reason: '', provider: 'kept' }])
    expect(kept.hits.length - before).toBe(2)
    expect(new Set(kept.hits.slice(before).map(({ connection }) => connection)).size).toBe(2)
  })
})

test('a connection that is closed at its first use is not tried again: the request may have been processed', async () => {
  const model = newModel()
  const server = await startUpstream(reset)
  const other = await startGateway({ yaml: `providers: { new: { kind: local, base_url: "${server.url}" } }` })
  const client = new GrpcClient(other.grpc)
  const { error } = await chat(client, { model: `new/${model}` })
  expect(error?.reason).toBe('UPSTREAM_RESET')
  expect(server.hits).toHaveLength(1)
  client.close()
  await other.close()
  await server.close()
})

describe('a call has two further attempts, whatever becomes of its targets:', () => {
  test('of three that are overloaded the first two are asked twice', async () => {
    const model = newModel()
    first.answer(model, failure(503))
    second.answer(model, failure(503))
    const fallbackModels = [`second/${model}`, `impatient/${model}`]
    const { error } = await chat(client, { model: `first/${model}`, fallbackModels })
    expect(error?.detail?.attempts.map(({ provider }) => provider)).toEqual([
      ...['first', 'first', 'second', 'second', 'impatient'],
    ])
  })
})

describe('with no other target the error says what is wrong:', () => {
  type Failed = readonly [fault: string, reply: Reply, code: string, reason: string, hits: number, question: Question]
  test.each<Failed>([
    ['nobody listens', silence, 'UNAVAILABLE', 'UPSTREAM_UNREACHABLE', 0, { provider: 'refusing' }],
    ['its name is not known', silence, 'UNAVAILABLE', 'UPSTREAM_UNREACHABLE', 0, { provider: 'nameless' }],
    ['it sends no headers', silence, 'UNAVAILABLE', 'UPSTREAM_TIMEOUT', 1, { provider: 'impatient' }],
    ['it is rate limited', limited('3600'), 'RESOURCE_EXHAUSTED', 'UPSTREAM_RATE_LIMITED', 1, {}],
    [
      'its quota is spent',
      failure(429, { code: 'insufficient_quota' }),
      'RESOURCE_EXHAUSTED',
      'UPSTREAM_QUOTA_EXHAUSTED',
      1,
      { provider: 'spare-5' },
    ],
    ['it is overloaded', failure(503), 'UNAVAILABLE', 'UPSTREAM_OVERLOADED', 2, {}],
    ['it fails', failure(500), 'UNAVAILABLE', 'UPSTREAM_ERROR', 2, {}],
    ['it refuses the key', failure(401), 'FAILED_PRECONDITION', 'UPSTREAM_CREDENTIALS', 1, { provider: 'spare-4' }],
    ['it does not have the model', failure(404), 'FAILED_PRECONDITION', 'UPSTREAM_MODEL_MISSING', 1, {}],
  ])('%s', async (_, reply, code, reason, hits, question) => {
    const result = await ask([reply], { ...question, alone: true })
    expect(result.error).toMatchObject({ code, reason })
    expect(result.hits).toEqual([hits, 0])
    if (reason === 'UPSTREAM_RATE_LIMITED') expect(result.error?.retryAfter).toBe(3_600_000)
    if (reason === 'UPSTREAM_UNREACHABLE') expect(result.error?.retryAfter).toBe(5_000)
    if (reason === 'UPSTREAM_QUOTA_EXHAUSTED') {
      expect(result.error?.retryAfter).toBeUndefined()
      expect(result.error?.pushback).toBe('-1')
    }
  })

  test('all are rate limited: come back when the first of them is free', async () => {
    const { error, hits } = await ask([limited('3600')], {}, [limited('30')])
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_RATE_LIMITED', retryAfter: 30_000 })
    expect(hits).toEqual([1, 1])
  })
})

describe('nobody else is asked, and the caller keeps what came, when an answer in its middle', () => {
  test.each<readonly [fault: string, reply: Reply, reason: string, provider: string]>([
    ['is reset', beginThen(PART, ({ socket }) => socket.resetAndDestroy()), 'UPSTREAM_STREAM_TRUNCATED', 'first'],
    [
      'ends without a word',
      bytesThenFin(`${SSE_HEAD}connection: close\r\n\r\n`, ...PART),
      'UPSTREAM_STREAM_TRUNCATED',
      'first',
    ],
    ['stalls', begin(...PART), 'UPSTREAM_IDLE_TIMEOUT', 'impatient'],
  ])('%s', async (_, reply, reason, provider) => {
    const { text, cases, error, hits } = await ask([reply], { provider })
    expect(text).toBe('one two ')
    expect(cases).not.toContain('finish')
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason, metadata: { committed: 'true' } })
    expect(hits).toEqual([1, 0])
  })

  test('drips for ever', async () => {
    const drip: Reply = ({ response, socket }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const dripping = setInterval(() => response.write(delta('drip ')), 500)
      socket.once('close', () => clearInterval(dripping))
    }
    const { text, error, hits } = await ask([drip], { provider: 'impatient' })
    expect(text).toMatch(/^(drip ){4,}$/)
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'GATEWAY_MAX_DURATION' })
    expect(hits).toEqual([1, 0])
  })
})

describe("what is the caller's own is sent nowhere else:", () => {
  test.each<readonly [fault: string, reply: Reply, reason: string]>([
    ['an invalid request', failure(400), 'UPSTREAM_INVALID_REQUEST'],
    ['a conversation that is too long', failure(400, { code: 'context_length_exceeded' }), 'CONTEXT_LENGTH_EXCEEDED'],
    ['what the filter refuses', failure(400, { code: 'content_filter' }), 'CONTENT_FILTERED'],
  ])('%s', async (_, reply, reason) => {
    const { error, hits } = await ask([reply])
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason })
    expect(hits).toEqual([1, 0])
  })

  test('an answer that the filter cut is an answer', async () => {
    const cut = json({ choices: [{ message: { content: 'I c' }, finish_reason: 'content_filter' }] })
    const { text, error, hits } = await ask([cut], { streamed: false })
    expect({ text, error, hits }).toEqual({ text: 'I c', error: undefined, hits: [1, 0] })
  })
})

test('a model that three different requests did not find is not asked for again for 30 s, and the error stays the same', async () => {
  const model = newModel()
  first.answer(model, failure(404))
  const about = (content: string) => ({ model: `first/${model}`, messages: [{ role: Role.USER, content }] })
  for (const content of ['one', 'two', 'three']) await chat(client, about(content))
  const { error } = await chat(client, about('four'))
  expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'UPSTREAM_MODEL_MISSING' })
  expect(error?.detail?.attempts).toMatchObject([{ outcome: AttemptOutcome.SKIPPED }])
  const { value } = await chat(client, { ...about('five'), fallbackModels: [`second/${model}`] })
  expect(value?.route?.attempts).toMatchObject([{ outcome: AttemptOutcome.SKIPPED }, { outcome: AttemptOutcome.OK }])
  expect(first.hits(model)).toHaveLength(3)
  await gateway.pass(30_000)
  await chat(client, about('six'))
  expect(first.hits(model)).toHaveLength(4)
})

test('an answer by fallback costs what the target costs that gave it', async () => {
  first.answer('priced', failure(501))
  second.answer('priced', json(chatBody('dear', { usage: { prompt_tokens: 10_000, completion_tokens: 0 } })))
  const { value } = await chat(client, { model: 'first/priced', fallbackModels: ['second/priced'] })
  expect(value?.route).toMatchObject({ provider: 'second', model: 'priced', fallbackUsed: true })
  expect(value?.cost?.usd).toBeCloseTo(1)
})

test('a deadline that comes first ends the call and closes the upstream, and no other target is begun', async () => {
  const model = newModel()
  first.answer(model, silence)
  const options = { deadline: Number.POSITIVE_INFINITY, metadata: { 'grpc-timeout': '60S' } }
  const pending = chat(client, { model: `first/${model}`, fallbackModels: [`second/${model}`] }, options)
  await eventually(() => first.hits(model).length === 1)
  await gateway.pass(60_000)
  const { error } = await pending
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' })
  expect(error?.detail?.attempts).toMatchObject([{ outcome: AttemptOutcome.CANCELLED }])
  await first.hits(model)[0]?.closed
  expect(second.hits(model)).toHaveLength(0)
})

describe('where nobody may be asked twice what one target may have processed', () => {
  test.each<readonly [fault: string, reply: Reply, text: string]>([
    ['a proxy that failed ends the call', failure(504), ''],
    ['a broken connection ends the call', beginThen([': ping\n\n'], ({ socket }) => socket.resetAndDestroy()), ''],
    ['a refusal does not', failure(501), 'second'],
  ])('%s', async (_, reply, text) => {
    first.answer('careful', reply)
    const before = second.hits('careful').length
    const reported = await streamChat(client, { model: 'careful' })
    expect(reported.text).toBe(text)
    expect(second.hits('careful').length - before).toBe(text === '' ? 0 : 1)
  })
})

describe("an alias's own limits", () => {
  test('take the place of its providers: of the time to the first token', async () => {
    first.answer('hasty', silence)
    const { text, error } = await streamChat(client, { model: 'hasty' })
    expect({ text, error }).toEqual({ text: 'second', error: undefined })
  })

  test('of the time between two pieces', async () => {
    first.answer('hasty', begin(...PART))
    const { error } = await streamChat(client, { model: 'hasty' })
    expect(error?.reason).toBe('UPSTREAM_IDLE_TIMEOUT')
    expect(error?.message).toContain('2 s')
  })

  test('and of the whole', async () => {
    first.answer('hasty', silence)
    const { value } = await chat(client, { model: 'hasty' })
    expect(value?.route?.attempts).toMatchObject([{ reason: 'UPSTREAM_TIMEOUT' }, { provider: 'second' }])
  })
})

test('after all of this no call is active', async () => {
  expect(await (await fetch(gateway.metrics)).text()).toMatch(/^active_connections(\{[^}]*\})? 0$/m)
})

test('the streams of this page end as they should', async () => {
  const { cases } = await ask([stream(...PART, STOP, DONE)])
  expect(cases).toEqual(['start', 'text', 'text', 'finish'])
})
