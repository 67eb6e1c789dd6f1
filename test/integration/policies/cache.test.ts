import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  CacheMode,
  ChatRequestSchema,
  type ClearCacheRequestSchema,
  HealthStatus,
  HealthView,
  LlmGateway,
  LlmGatewayAdmin,
  ToolSchema,
} from '../../../src/domain/types.ts'
import { type ChatInit, chat, embed, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { untilActive } from '../../support/metrics-page.ts'
import {
  answers,
  begin,
  beginThen,
  chatBody,
  DONE,
  delta,
  failure,
  held,
  json,
  type Reply,
  STOP,
  startUpstream,
  stream,
  type UpstreamServer,
  USAGE,
} from '../../support/upstream-server.ts'

/* Answers that are known, through both doors of a running gateway. */

const key = (name: string) => ({ authorization: `Bearer key-of-${name}-0123456789` })
const ADA = { metadata: key('ada') }
const BOB = { metadata: key('bob') }
const ADMIN = { metadata: key('admin') }

let upstream: UpstreamServer
let backup: UpstreamServer
let gateway: RunningGateway
let grpc: GrpcClient
let http: ConnectClient

beforeAll(async () => {
  upstream = await startUpstream()
  backup = await startUpstream()
  gateway = await startGateway({
    movableTime: true,
    yaml: `
auth:
  cache_namespaces: all
  keys:
    - { name: ada, key: "\${ADA}" }
    - { name: bob, key: "\${BOB}" }
    - { name: admin, key: "\${ADMIN}", admin: true }
providers:
  up: { kind: openai, base_url: "${upstream.url}", keys: ["\${KEY}"] }
  backup: { kind: openai, base_url: "${backup.url}", keys: ["\${KEY}"] }
models:
  both: { targets: [up/m, backup/m] }
  never: { targets: [up/m], cache: { enabled: false } }
  cool: { targets: [up/m], cache: { max_temperature: 0.2 } }
  brief: { targets: [up/m], cache: { ttl: 30s } }
  unkept-fallback: { targets: [up/m, backup/m], cache: { fallback_ttl: 0 } }
tasks:
  verification: never
  planning: never
  careful: { model: never, cache: { enabled: true } }
cache: { max_entries: 120, max_bytes: 1MiB }
prices:
  up/m: { input: 10, output: 20 }
`,
    env: {
      KEY: 'a-key',
      ADA: 'key-of-ada-0123456789',
      BOB: 'key-of-bob-0123456789',
      ADMIN: 'key-of-admin-0123456789',
    },
  })
  grpc = new GrpcClient(gateway.grpc)
  http = new ConnectClient(gateway.http)
})

afterAll(async () => {
  grpc?.close()
  http?.close()
  await gateway?.close()
  await upstream?.close()
  await backup?.close()
})

beforeEach(() => {
  upstream.hits.length = 0
  backup.hits.length = 0
  upstream.answer(answers('Hello, ', 'world'))
  backup.answer(answers('from the backup'))
})

afterEach(async () => {
  await clear({ answers: { case: 'all', value: true } })
})

function clear(request: MessageInitShape<typeof ClearCacheRequestSchema>, options = ADMIN) {
  return grpc.unary(LlmGatewayAdmin.method.clearCache, request, options)
}

const UP = { model: 'up/m' }
const cached = (mode: CacheMode): ChatInit => ({ ...UP, cache: { mode } })

describe('a known answer', () => {
  test('is given to the same caller without asking again, and says what it saved', async () => {
    const first = (await chat(grpc, UP, ADA)).value
    const second = (await chat(grpc, UP, ADA)).value
    expect(upstream.hits).toHaveLength(1)
    expect(first?.route).toMatchObject({ cached: false, cacheId: expect.stringMatching(/^[\w-]{43}$/) })
    expect(second?.message).toEqual(first?.message)
    expect(second?.usage).toEqual(first?.usage)
    expect(second?.route).toMatchObject({
      cached: true,
      cacheId: first?.route?.cacheId,
      provider: 'up',
      model: 'm',
      attempts: [],
    })
    expect(first?.cost?.usd).toBeCloseTo(90e-6, 12)
    expect(second?.cost).toMatchObject({ usd: 0, inputUsd: 0, outputUsd: 0, savedUsd: first?.cost?.usd })
    expect(second?.id).not.toBe(first?.id)
  })

  test('of a stream comes again in its pieces, and whole to a Chat, through either door', async () => {
    const first = await streamChat(grpc, UP, ADA)
    const again = await streamChat(grpc, UP, ADA)
    const whole = (await chat(grpc, UP, ADA)).value
    const overHttp = (await chat(http, UP, ADA)).value
    expect(upstream.hits).toHaveLength(1)
    expect(again.cases).toEqual(first.cases)
    expect(again.text).toBe('Hello, world')
    expect(whole?.message?.content).toBe('Hello, world')
    expect(overHttp?.route?.cached).toBe(true)
  })

  test('of a Chat serves a StreamChat', async () => {
    await chat(grpc, UP, ADA)
    const again = await streamChat(grpc, UP, ADA)
    expect(upstream.hits).toHaveLength(1)
    expect(again).toMatchObject({ text: 'Hello, world', cases: ['start', 'text', 'finish'], error: undefined })
  })

  test('is nobody else’s, unless both name the same namespace', async () => {
    await chat(grpc, UP, ADA)
    expect((await chat(grpc, UP, BOB)).value?.route?.cached).toBe(false)
    const shared = { ...UP, cache: { namespace: 'faq' } }
    expect((await chat(grpc, shared, ADA)).value?.route?.cached).toBe(false)
    expect((await chat(grpc, shared, BOB)).value?.route?.cached).toBe(true)
    expect((await chat(grpc, { ...UP, cache: { namespace: 'other' } }, BOB)).value?.route?.cached).toBe(false)
  })

  test('does not depend on who the user is nor on labels, but on all that is asked', async () => {
    await chat(grpc, UP, ADA)
    const same = { ...UP, userId: 'u', sessionId: 's', labels: { team: 'a' }, cache: { ttl: { seconds: 5n } } }
    expect((await chat(grpc, same, ADA)).value?.route?.cached).toBe(true)
    const long = 'x'.repeat(1000)
    const others: ChatInit[] = [
      { ...UP, temperature: 0 },
      { ...UP, messages: [{ role: 3, content: `${long}a` }] },
      { ...UP, messages: [{ role: 3, content: `${long}b` }] },
      { ...UP, seed: 1n },
      { ...UP, tools: [create(ToolSchema, { name: 't' })] },
      { model: 'both' },
    ]
    for (const other of others)
      expect((await chat(grpc, other, ADA)).value?.route?.cached, JSON.stringify(other.model)).toBe(false)
    expect(upstream.hits).toHaveLength(1 + others.length)
  })
})

describe('a caller decides', () => {
  test('to bypass the cache, to refresh it, or to take nothing else', async () => {
    expect((await chat(grpc, cached(CacheMode.ONLY_IF_CACHED), ADA)).error).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'NOT_CACHED',
    })
    expect(upstream.hits).toHaveLength(0)
    await chat(grpc, cached(CacheMode.BYPASS), ADA)
    await chat(grpc, UP, ADA)
    upstream.answer(answers('new'))
    expect((await chat(grpc, UP, ADA)).value?.message?.content).toBe('Hello, world')
    expect((await chat(grpc, cached(CacheMode.BYPASS), ADA)).value?.route).toMatchObject({ cached: false, cacheId: '' })
    expect((await chat(grpc, cached(CacheMode.REFRESH), ADA)).value?.message?.content).toBe('new')
    expect((await chat(grpc, cached(CacheMode.ONLY_IF_CACHED), ADA)).value?.message?.content).toBe('new')
    expect(upstream.hits).toHaveLength(4)
  })

  test('how long an answer is kept and how old it may be', async () => {
    await chat(grpc, { ...UP, cache: { ttl: { seconds: 60n } } }, ADA)
    await gateway.pass(1)
    expect((await chat(grpc, { ...UP, cache: { maxAge: { nanos: 1 } } }, ADA)).value?.route?.cached).toBe(false)
    await gateway.pass(50_000)
    expect((await chat(grpc, { ...UP, cache: { maxAge: { seconds: 60n } } }, ADA)).value?.route?.cached).toBe(true)
    await clear({ answers: { case: 'all', value: true } })
    await chat(grpc, { ...UP, cache: { ttl: { seconds: 60n } } }, ADA)
    await gateway.pass(60_000)
    expect((await chat(grpc, UP, ADA)).value?.route?.cached).toBe(false)
  })

  test.each([
    ['a ttl of nothing', { ttl: {} }, 'cache.ttl'],
    ['a negative ttl', { ttl: { seconds: -1n } }, 'cache.ttl'],
    ['a ttl of 31 days', { ttl: { seconds: 31n * 86_400n } }, 'cache.ttl'],
    ['a negative age', { maxAge: { seconds: -1n } }, 'cache.max_age'],
    ['a namespace with a slash', { namespace: 'a/b' }, 'cache.namespace'],
    ['a mode that there is not', { mode: 9 as CacheMode }, 'cache.mode'],
  ])('nothing with %s', async (_, cache, field) => {
    const { error } = await chat(grpc, { ...UP, cache }, ADA)
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] })
    expect(upstream.hits).toHaveLength(0)
  })
})

describe('what is kept', () => {
  test.each<[string, Reply]>([
    ['an error', failure(400)],
    [
      'a filtered answer',
      json(
        chatBody('half', {
          choices: [{ index: 0, message: { role: 'assistant', content: 'half' }, finish_reason: 'content_filter' }],
        }),
      ),
    ],
  ])('is not %s', async (_, reply) => {
    upstream.answer(reply)
    await chat(grpc, UP, ADA)
    await chat(grpc, UP, ADA)
    expect(upstream.hits).toHaveLength(2)
  })

  test('is not an answer that broke off, nor one whose caller left', async () => {
    upstream.answer(beginThen([delta('half')], ({ socket }) => socket.destroy()))
    expect((await streamChat(grpc, UP, ADA)).error?.reason).toBe('UPSTREAM_STREAM_TRUNCATED')
    upstream.answer(begin(delta('half')))
    const hit = upstream.nextHit()
    const leave = new AbortController()
    await streamChat(grpc, UP, { ...ADA, signal: leave.signal, onMessage: () => leave.abort() })
    await (await hit).closed
    upstream.answer(answers('whole'))
    expect((await streamChat(grpc, UP, ADA)).text).toBe('whole')
    expect(upstream.hits).toHaveLength(3)
  })

  test('of a fallback is kept for its own time', async () => {
    upstream.answer(failure(500))
    await chat(grpc, { model: 'both' }, ADA)
    expect((await chat(grpc, { model: 'both' }, ADA)).value?.route).toMatchObject({ cached: true, provider: 'backup' })
    await chat(grpc, { model: 'unkept-fallback' }, ADA)
    expect((await chat(grpc, { model: 'unkept-fallback' }, ADA)).value?.route?.cached).toBe(false)
  })

  test('follows the rules of the alias', async () => {
    for (const [model, temperature, hits] of [
      ['never', undefined, 2],
      ['cool', 0.1, 1],
      ['cool', 0.9, 2],
      ['cool', undefined, 2],
    ] as const) {
      upstream.hits.length = 0
      for (let call = 0; call < 2; call++)
        await chat(grpc, { model, ...(temperature !== undefined && { temperature }) }, ADA)
      expect(upstream.hits, `${model} at ${temperature}`).toHaveLength(hits)
    }
    await chat(grpc, { model: 'brief' }, ADA)
    await gateway.pass(30_000)
    expect((await chat(grpc, { model: 'brief' }, ADA)).value?.route?.cached).toBe(false)
  })

  test('follows the type of task before the alias: verification looks in the cache first', async () => {
    for (const [taskType, hits] of [
      ['verification', 1],
      ['planning', 2],
      ['careful', 1],
    ] as const) {
      upstream.hits.length = 0
      for (let call = 0; call < 2; call++) expect((await chat(grpc, { taskType }, ADA)).error).toBeUndefined()
      expect(upstream.hits, taskType).toHaveLength(hits)
    }
  })

  test('makes room: more than there are places for', async () => {
    const ask = (index: number) => chat(grpc, { ...UP, messages: [{ role: 3, content: `question ${index}` }] }, ADA)
    for (let index = 0; index < 130; index++) await ask(index)
    const { value } = await grpc.unary(LlmGatewayAdmin.method.getCacheStats, {}, ADMIN)
    expect(Number(value?.stats?.size)).toBe(120)
    expect((await ask(129)).value?.route?.cached).toBe(true)
    expect((await ask(0)).value?.route?.cached).toBe(false)
    upstream.answer(answers('x'.repeat(300_000)))
    for (let index = 200; index < 206; index++) await ask(index)
    const { value: full } = await grpc.unary(LlmGatewayAdmin.method.getCacheStats, {}, ADMIN)
    expect(full?.stats?.bytes).toBeLessThanOrEqual(full?.stats?.maxBytes ?? 0n)
    expect(full?.stats?.size).toBe(3n)
  })
})

describe('equal questions at the same time', () => {
  test('are one, Chat and StreamChat mixed, and one of them pays', async () => {
    const { reply, release } = held(answers('Hello, ', 'world'))
    upstream.answer(reply)
    const calls = Array.from({ length: 100 }, async (_, index) => {
      // A StreamChat is the first: a Chat may join it at any time, a StreamChat an earlier Chat only at once.
      if (index % 2 === 1) {
        const { value, error } = await chat(grpc, UP, ADA)
        return { error, text: value?.message?.content, route: value?.route, cost: value?.cost, id: value?.id }
      }
      const { messages, text, error } = await streamChat(grpc, UP, ADA)
      const first = messages[0]?.event
      const last = messages.at(-1)?.event
      const finish = last?.case === 'finish' ? last.value : undefined
      return {
        error,
        text,
        route: finish?.route,
        cost: finish?.cost,
        id: first?.case === 'start' ? first.value.id : '',
      }
    })
    await untilActive(gateway.metrics, 100)
    release()
    const all = await Promise.all(calls)
    expect(upstream.hits).toHaveLength(1)
    for (const { error, text } of all) expect({ error, text }).toEqual({ error: undefined, text: 'Hello, world' })
    const paid = all.filter(({ route }) => !route?.cached)
    expect(paid).toHaveLength(1)
    expect(all.reduce((sum, { cost }) => sum + (cost?.usd ?? 0), 0)).toBeCloseTo(90e-6, 12)
    for (const { route, cost } of all)
      if (route?.cached) expect(cost).toMatchObject({ usd: 0, savedUsd: paid[0]?.cost?.usd })
    expect(new Set(all.map(({ id }) => id)).size).toBe(100)
  })

  test('are not one for different callers', async () => {
    const { reply, release } = held(answers('mine'))
    upstream.answer(reply)
    const calls = [chat(grpc, UP, ADA), chat(grpc, UP, BOB)]
    await eventually(() => upstream.hits.length === 2)
    release()
    await Promise.all(calls)
    expect(upstream.hits).toHaveLength(2)
  })

  test('a StreamChat does not wait for the whole answer to an earlier Chat', async () => {
    const { reply, release } = held(answers('whole'))
    upstream.answer(reply, answers('at once'))
    const slow = chat(grpc, UP, ADA)
    await eventually(() => upstream.hits.length === 1)
    await gateway.pass(150)
    expect((await streamChat(grpc, UP, ADA)).text).toBe('at once')
    release()
    await slow
    expect(upstream.hits).toHaveLength(2)
  })

  test('one who comes later hears all from the first word on, and one who leaves harms nobody', async () => {
    let goOn = () => {}
    upstream.answer(
      beginThen([delta('one ')], ({ response }) => {
        goOn = () => response.end(delta('two') + STOP + USAGE + DONE)
      }),
    )
    const leave = new AbortController()
    const heard = new Promise<void>((resolve) => {
      void streamChat(grpc, UP, { ...ADA, signal: leave.signal, onMessage: () => resolve() })
    })
    await heard
    const second = streamChat(grpc, UP, ADA)
    const third = chat(grpc, UP, ADA)
    await untilActive(gateway.metrics, 3)
    leave.abort()
    await untilActive(gateway.metrics, 2)
    goOn()
    expect(await second).toMatchObject({ text: 'one two', error: undefined })
    expect((await third).value?.message?.content).toBe('one two')
    expect(upstream.hits).toHaveLength(1)
  })

  test('the last to leave ends the question', async () => {
    upstream.answer(begin(delta('one ')))
    const leaves = [new AbortController(), new AbortController()]
    const hit = upstream.nextHit()
    const calls = leaves.map(({ signal }) => streamChat(grpc, UP, { ...ADA, signal }))
    const { closed } = await hit
    await untilActive(gateway.metrics, 2)
    leaves[0]?.abort()
    await calls[0]
    await untilActive(gateway.metrics, 1)
    // Were it closed, that would have been seen before the answer to another question.
    upstream.answer(answers('another'))
    await chat(grpc, { model: 'up/another' }, ADA)
    expect(await Promise.race([closed.then(() => 'closed'), 'open'])).toBe('open')
    leaves[1]?.abort()
    await closed
    await calls[1]
    expect(upstream.hits).toHaveLength(2)
  })

  test('a vendor’s error is everybody’s', async () => {
    const { reply, release } = held(failure(400))
    upstream.answer(reply)
    const calls = Array.from({ length: 10 }, () => chat(grpc, UP, ADA))
    await untilActive(gateway.metrics, 10)
    release()
    const all = await Promise.all(calls)
    expect(upstream.hits).toHaveLength(1)
    for (const { error } of all) {
      expect(error).toMatchObject({ reason: 'UPSTREAM_INVALID_REQUEST' })
      expect(error?.detail?.attempts).toHaveLength(1)
    }
  })

  test('a caller in a hurry is told in time, and the others get the answer', async () => {
    const { reply, release } = held(answers('late'))
    upstream.answer(reply)
    const own = { deadline: Number.POSITIVE_INFINITY, metadata: { ...ADA.metadata, 'grpc-timeout': '10S' } }
    const hurried = chat(grpc, UP, own)
    const patient = chat(grpc, UP, ADA)
    await untilActive(gateway.metrics, 2)
    await gateway.pass(10_000)
    expect((await hurried).error?.code).toBe('DEADLINE_EXCEEDED')
    release()
    expect((await patient).value?.message?.content).toBe('late')
    expect(upstream.hits).toHaveLength(1)
  })

  test('2,000 events reach 50 readers alike', async () => {
    const words = Array.from({ length: 2_000 }, (_, index) => `w${index} `)
    const { reply, release } = held(stream(...words.map(delta), STOP, USAGE, DONE))
    upstream.answer(reply)
    const calls = Array.from({ length: 50 }, () => streamChat(grpc, UP, ADA))
    await untilActive(gateway.metrics, 50)
    release()
    const all = await Promise.all(calls)
    expect(upstream.hits).toHaveLength(1)
    for (const { text, error } of all) expect(error ?? text).toBe(words.join(''))
  })
})

describe('embeddings', () => {
  const vectors: Reply = (exchange) => {
    const input = exchange.hit.json['input'] as string[]
    const data = input.map((text, index) => ({ index, embedding: [text.length, 1] }))
    json({ model: 'e', data, usage: { prompt_tokens: input.length, total_tokens: input.length } })(exchange)
  }

  test('of 100 inputs of which 90 are known, 10 are sent, and equal ones once', async () => {
    upstream.answer(vectors)
    const inputs = Array.from({ length: 100 }, (_, index) => 'x'.repeat(index + 1))
    await embed(grpc, { model: 'up/m', inputs: inputs.slice(0, 90) }, ADA)
    const { value } = await embed(grpc, { model: 'up/m', inputs: [...inputs, 'x', 'x'.repeat(95)] }, ADA)
    expect(upstream.hits.map(({ json }) => (json['input'] as string[]).length)).toEqual([90, 10])
    expect(value?.embeddings.map(({ index, values }) => [index, values[0]])).toEqual([
      ...inputs.map((_, index) => [index, index + 1]),
      [100, 1],
      [101, 95],
    ])
    expect(value?.usage?.input).toBe(10)
    expect(value?.route?.cached).toBe(false)
    const again = (await embed(grpc, { model: 'up/m', inputs }, ADA)).value
    expect(upstream.hits).toHaveLength(2)
    expect(again?.route).toMatchObject({ cached: true, provider: 'up', model: 'm', attempts: [] })
    expect(again?.cost?.usd).toBe(0)
    expect(again?.embeddings).toHaveLength(100)
    expect((await embed(grpc, { model: 'up/m', inputs: ['x'], dimensions: 2 }, ADA)).value?.route?.cached).toBe(false)
    expect((await embed(grpc, { model: 'up/m', inputs: ['x'] }, BOB)).value?.route?.cached).toBe(false)
    expect(
      (await embed(grpc, { model: 'up/m', inputs: ['new'], cache: { mode: CacheMode.ONLY_IF_CACHED } }, ADA)).error
        ?.reason,
    ).toBe('NOT_CACHED')
  })
})

describe('an operator', () => {
  test('clears all, by pattern, by id and by request, inside a caller’s answers', async () => {
    const kept = async (request: { model: string }, options: typeof ADA, namespace = '') => {
      const only = { mode: CacheMode.ONLY_IF_CACHED, namespace }
      return (await chat(grpc, { ...request, cache: only }, options)).value !== undefined
    }
    const shared: ChatInit = { ...UP, cache: { namespace: 'faq' } }
    const fill = async () => {
      for (const request of [UP, { model: 'both' }]) await chat(grpc, request, ADA)
      await chat(grpc, UP, BOB)
      await chat(grpc, shared, BOB)
    }
    const state = async () => [
      await kept(UP, ADA),
      await kept({ model: 'both' }, ADA),
      await kept(UP, BOB),
      await kept(UP, ADA, 'faq'),
    ]
    await fill()
    expect(await state()).toEqual([true, true, true, true])
    expect((await clear({ answers: { case: 'pattern', value: '/up/*' }, caller: 'ada' })).value?.cleared).toBe(1n)
    expect(await state()).toEqual([false, true, true, true])
    expect((await clear({ answers: { case: 'pattern', value: 'faq/*' } })).value?.cleared).toBe(1n)
    expect(await state()).toEqual([false, true, true, false])
    const { value } = await chat(grpc, UP, BOB)
    expect((await clear({ answers: { case: 'cacheId', value: value?.route?.cacheId ?? '' } })).value?.cleared).toBe(1n)
    expect(await state()).toEqual([false, true, false, false])
    const request: ChatInit = { model: 'both', messages: [{ role: 3, content: 'hi' }], userId: 'whoever' }
    expect(
      (await clear({ answers: { case: 'request', value: create(ChatRequestSchema, request) }, caller: 'ada' })).value
        ?.cleared,
    ).toBe(1n)
    expect(await state()).toEqual([false, false, false, false])
    await fill()
    expect((await clear({ answers: { case: 'all', value: true } })).value?.cleared).toBe(4n)
    expect(await state()).toEqual([false, false, false, false])
  })

  test.each([
    ['nothing', {}, 'INVALID_ARGUMENT'],
    ['an empty pattern', { answers: { case: 'pattern', value: '' } }, 'INVALID_ARGUMENT'],
    ['a pattern of 300 characters', { answers: { case: 'pattern', value: '*'.repeat(300) } }, 'INVALID_ARGUMENT'],
    ['a pattern without a slash', { answers: { case: 'pattern', value: 'gpt' } }, 'INVALID_ARGUMENT'],
    ['an id of another shape', { answers: { case: 'cacheId', value: 'abc' } }, 'INVALID_ARGUMENT'],
    ['an id that is not known', { answers: { case: 'cacheId', value: 'A'.repeat(43) } }, 'NOT_FOUND'],
    [
      'a request for a model that there is not',
      { answers: { case: 'request', value: { model: 'none', messages: [{ role: 3, content: 'hi' }] } } },
      'NOT_FOUND',
    ],
  ] as [string, MessageInitShape<typeof ClearCacheRequestSchema>, string][])(
    'cannot clear %s',
    async (_, request, code) => {
      expect((await clear(request)).error?.code).toBe(code)
    },
  )

  test('must be one', async () => {
    const all = { answers: { case: 'all', value: true } } as const
    expect((await clear(all, ADA)).error).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'ADMIN_REQUIRED' })
    expect((await grpc.unary(LlmGatewayAdmin.method.resetStats, {}, ADA)).error?.code).toBe('PERMISSION_DENIED')
    await gateway.logged(
      (line) =>
        line['message'] === 'admin call' &&
        line['method'] === 'ClearCache' &&
        line['caller'] === 'ada' &&
        line['reason'] === 'ADMIN_REQUIRED',
    )
    await gateway.logged(
      (line) =>
        line['message'] === 'admin call' &&
        line['method'] === 'ClearCache' &&
        line['caller'] === 'admin' &&
        line['reason'] === '',
    )
  })

  test('sees what the cache does, under the names that are known, and lets it begin anew', async () => {
    await grpc.unary(LlmGatewayAdmin.method.resetStats, {}, ADMIN)
    await chat(grpc, UP, ADA)
    await chat(grpc, UP, ADA)
    await chat(grpc, UP, ADA)
    const { value } = await grpc.unary(LlmGateway.method.stats, {}, ADA)
    expect(value?.cache).toMatchObject({
      size: 1n,
      maxSize: 120n,
      hits: 2n,
      misses: 1n,
      evictions: 0n,
      ttl: { seconds: 3600n },
    })
    expect(value?.cache?.hitRate).toBeCloseTo(2 / 3)
    expect(value?.cache?.savedUsd).toBeCloseTo(180e-6, 12)
    expect(value).toMatchObject({ totalRequests: 3n, config: { cacheEnabled: true } })
    expect(value?.providers['up']?.requests).toBe(1n)
    const page = await (await fetch(gateway.metrics)).text()
    expect(page).toMatch(/^cache_hit_ratio 0\.\d+$/m)
    expect(page).toMatch(/^llm_gateway_cache_hit_rate 0\.\d+$/m)
    expect(page).toMatch(/^llm_gateway_latency_seconds_count\{provider="up",cached="true"\} \d+$/m)
    await grpc.unary(LlmGatewayAdmin.method.resetStats, {}, ADMIN)
    const { value: again } = await grpc.unary(LlmGateway.method.stats, {}, ADA)
    expect(again).toMatchObject({ totalRequests: 0n, cache: { size: 1n, hits: 0n, misses: 0n } })
    expect(again?.providers['up']?.requests).toBe(0n)
    expect(await (await fetch(gateway.metrics)).text()).not.toMatch(/^llm_gateway_cache_hits_total 0$/m)
  })

  test('sees the health of the cache', async () => {
    const { value } = await grpc.unary(LlmGateway.method.health, { view: HealthView.CACHE }, ADA)
    expect(value).toMatchObject({
      status: HealthStatus.HEALTHY,
      providers: [],
      components: [{ name: 'cache', healthy: true }],
    })
    const { value: providers } = await grpc.unary(LlmGateway.method.health, { view: HealthView.PROVIDERS }, ADA)
    expect(providers?.components).toEqual([])
    expect(providers?.providers).toHaveLength(2)
    expect((await grpc.unary(LlmGateway.method.health, { view: 7 as HealthView }, ADA)).error?.code).toBe(
      'INVALID_ARGUMENT',
    )
  })
})

describe('without a cache', () => {
  test('only a call that needs one is refused, and an operator is told how to get one', async () => {
    const plain = await startGateway({ yaml: 'providers: { sim: { kind: simulator } }' })
    const client = new GrpcClient(plain.grpc)
    try {
      expect((await chat(client, { model: 'sim/echo' })).value?.route?.cached).toBe(false)
      expect((await chat(client, { model: 'sim/echo' })).value?.route?.cached).toBe(false)
      const only = { cache: { mode: CacheMode.ONLY_IF_CACHED } }
      expect((await chat(client, { model: 'sim/echo', ...only })).error?.reason).toBe('NOT_CACHED')
      expect((await embed(client, { model: 'sim/embed', ...only })).error?.reason).toBe('NOT_CACHED')
      const stats = await client.unary(LlmGatewayAdmin.method.getCacheStats, {}, {})
      expect(stats.error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'NO_CACHE' })
      expect(stats.error?.message).toContain('CACHE_ENABLED=true')
      expect((await client.unary(LlmGateway.method.stats, {}, {})).value?.cache).toBeUndefined()
    } finally {
      client.close()
      await plain.close()
    }
  })

  test('the environment can ask for one', async () => {
    const env = { CACHE_ENABLED: 'true', CACHE_TTL: '120', CACHE_MAX_SIZE: '7', CACHE_STRATEGY: 'memory' }
    const asked = await startGateway({ yaml: 'providers: { sim: { kind: simulator } }', env })
    const client = new GrpcClient(asked.grpc)
    try {
      await chat(client, { model: 'sim/echo' })
      expect((await chat(client, { model: 'sim/echo' })).value?.route?.cached).toBe(true)
      const { value } = await client.unary(LlmGatewayAdmin.method.getCacheStats, {}, {})
      expect(value?.stats).toMatchObject({ maxSize: 7n, ttl: { seconds: 120n } })
    } finally {
      client.close()
      await asked.close()
    }
  })
})
