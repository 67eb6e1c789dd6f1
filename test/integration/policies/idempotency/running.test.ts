import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LlmGateway, Role } from '../../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { eventually } from '../../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import {
  callAtGrpc,
  callAtHttp1,
  callAtHttp2,
  type OwnCall,
  type OwnCallOptions,
  withKey,
} from '../../../support/idempotency-world.ts'
import { metric, untilActive } from '../../../support/metrics-page.ts'
import { makeTlsFiles } from '../../../support/tls-files.ts'
import {
  answers,
  begin,
  chatBody,
  DONE,
  delta,
  type Exchange,
  json,
  STOP,
  startUpstream,
  type UpstreamServer,
  USAGE,
} from '../../../support/upstream-server.ts'

/* A repeat of a call that is still running joins it; a call with a key outlives its connection, but no cancellation. */

let upstream: UpstreamServer
let gateway: RunningGateway
let secure: RunningGateway
let client: GrpcClient
let secureClient: GrpcClient
let folder: string
let ca: Buffer
let keys = 0
/** The requests that the upstream is answering. */
const waiting: Exchange[] = []

beforeAll(async () => {
  upstream = await startUpstream()
  const house = `house: { kind: local, base_url: "${upstream.url}", default_model: m, max_concurrent: 100, timeout: { first_token: 1h, idle: 1h, total: 1h } }`
  const files = makeTlsFiles()
  ca = files.ca
  folder = mkdtempSync(join(tmpdir(), 'idempotency-'))
  for (const name of ['cert', 'key'] as const) writeFileSync(join(folder, `${name}.pem`), files[name])
  const tls = `tls: { cert: ${join(folder, 'cert.pem')}, key: ${join(folder, 'key.pem')} }`
  const server = 'max_deadline: 1h, keepalive: 24h'
  gateway = await startGateway({
    movableTime: true,
    yaml: `server: { ${server} }\nauth: none\nproviders: { ${house} }\nledger: { url: memory }`,
  })
  secure = await startGateway({ yaml: `server: { ${server}, ${tls} }\nauth: none\nproviders: { ${house} }` })
  client = new GrpcClient(gateway.grpc)
  secureClient = new GrpcClient(secure.grpc, {}, credentials.createSsl(ca))
})

beforeEach(() => {
  upstream.hits.length = 0
  waiting.length = 0
  upstream.answer((exchange) => {
    // What is streamed begins at once.
    if (exchange.hit.json['stream'] === true) begin(delta('Hello, '))(exchange)
    waiting.push(exchange)
  })
})

afterAll(async () => {
  client.close()
  secureClient.close()
  await gateway.close()
  await secure.close()
  await upstream.close()
  rmSync(folder, { recursive: true })
})

const newKey = () => `key-${++keys}`
const HOUSE = { model: 'house/m' }
const HI = { ...HOUSE, messages: [{ role: Role.USER, content: 'hi' }] }
const ofWitness = { ...HOUSE, messages: [{ role: Role.USER, content: 'witness' }] }

/** Settles when the upstream answers this many requests. */
function asked(count: number): Promise<void> {
  return eventually(() => expect(upstream.hits).toHaveLength(count))
}

/** The upstream answers all that it was asked. */
function finish(): void {
  for (const exchange of waiting.splice(0)) {
    if (exchange.hit.json['stream'] === true) exchange.response.end([delta('world'), STOP, USAGE, DONE].join(''))
    else if (exchange.hit.json['input']) json({ model: 'e', data: [{ index: 0, embedding: [1] }] })(exchange)
    else json(chatBody('Hello, world'))(exchange)
  }
}

describe('a repeat joins the call that is running', () => {
  test('a StreamChat, from its first event', async () => {
    const key = newKey()
    const first = streamChat(client, HOUSE, withKey(key).options)
    await asked(1)
    const { options, trailers } = withKey(key)
    let heard = 0
    const second = streamChat(client, HOUSE, { ...options, onMessage: () => heard++ })
    // The start and the first word, while the vendor has not ended.
    await eventually(() => expect(heard).toBe(2))
    finish()
    expect((await first).text).toBe('Hello, world')
    expect(await second).toEqual(await first)
    expect(trailers).toEqual({ replayed: 'true' })
    expect(upstream.hits).toHaveLength(1)
  })

  test('a Chat and an Embed', async () => {
    const [ofChat, ofEmbed] = [newKey(), newKey()]
    const firsts = [chat(client, HOUSE, withKey(ofChat).options), embed(client, HOUSE, withKey(ofEmbed).options)]
    await asked(2)
    const seconds = [chat(client, HOUSE, withKey(ofChat).options), embed(client, HOUSE, withKey(ofEmbed).options)]
    await untilActive(gateway.metrics, 4)
    finish()
    const [chatted, embedded] = await Promise.all(firsts)
    expect(chatted?.value).toMatchObject({ message: { content: 'Hello, world' } })
    expect(embedded?.value).toMatchObject({ embeddings: [{ values: [1] }] })
    expect(await Promise.all(seconds)).toEqual([chatted, embedded])
    expect(upstream.hits).toHaveLength(2)
  })

  test('which goes on for the repeat when the first is cancelled', async () => {
    const key = newKey()
    const leaving = new AbortController()
    const first = streamChat(client, HOUSE, { ...withKey(key).options, signal: leaving.signal })
    await asked(1)
    const second = streamChat(client, HOUSE, withKey(key).options)
    await untilActive(gateway.metrics, 2)
    leaving.abort()
    expect((await first).error?.code).toBe('CANCELLED')
    await untilActive(gateway.metrics, 1)
    finish()
    expect((await second).text).toBe('Hello, world')
    expect(upstream.hits).toHaveLength(1)
  })

  test('but not with another request', async () => {
    const key = newKey()
    const first = chat(client, HOUSE, withKey(key).options)
    await asked(1)
    const { error } = await chat(client, { ...HOUSE, maxTokens: 9 }, withKey(key).options)
    expect(error?.reason).toBe('IDEMPOTENCY_KEY_REUSED')
    finish()
    expect((await first).error).toBeUndefined()
  })
})

/** A call that is under way at one of the servers. */
interface OpenCall {
  /** A client of the same gateway. */
  readonly client: GrpcClient
  readonly metrics: string
  /** Loses its connection, and settles when the gateway knows. */
  lose(): Promise<void>
  cancel(): void
  close(): void
}

const servers: Record<string, (call: OwnCallOptions) => Promise<OpenCall>> = {
  async gRPC(call) {
    const own = callAtGrpc(gateway.grpc, call, ofWitness)
    await asked(2)
    const [witness] = waiting.splice(
      waiting.findIndex(({ hit }) => hit.body.includes('witness')),
      1,
    )
    const lose = async () => {
      own.lose()
      await witness?.hit.closed
      await untilActive(gateway.metrics, 1)
    }
    return { client, metrics: gateway.metrics, lose, cancel: own.cancel, close: own.lose }
  },
  async 'HTTP/1.1'(call) {
    const own = callAtHttp1(gateway.http, call)
    const { lose: close } = own
    return { client, metrics: gateway.metrics, lose: () => lostAtHttp(gateway, own), cancel: close, close }
  },
  async 'HTTP/2'(call) {
    const own = callAtHttp2(secure.http.replace('http:', 'https:'), ca, call)
    const { cancel, lose: close } = own
    return { client: secureClient, metrics: secure.metrics, lose: () => lostAtHttp(secure, own), cancel, close }
  },
}

async function lostAtHttp({ metrics }: RunningGateway, own: Pick<OwnCall, 'lose'>): Promise<void> {
  const requests = () => metric(metrics, 'http_requests_total')
  await asked(1)
  const before = await requests()
  own.lose()
  await eventually(async () => expect(await requests()).toBe(before + 1))
}

const repeats = {
  Chat: async (to: GrpcClient, key: string) => (await chat(to, HI, withKey(key).options)).value?.message?.content,
  StreamChat: async (to: GrpcClient, key: string) => (await streamChat(to, HI, withKey(key).options)).text,
}

describe.each(Object.keys(servers))('a connection of %s that is lost', (server) => {
  const begin = async (method: 'Chat' | 'StreamChat', key: string) => {
    const call = await servers[server]?.({ method, request: HI, headers: { 'idempotency-key': key } })
    if (!call) throw new Error('one of them')
    await eventually(() => expect(waiting).toHaveLength(1))
    return call
  }

  test.each(['Chat', 'StreamChat'] as const)('does not end a %s: a repeat joins it', async (method) => {
    const key = newKey()
    const { client: other, metrics, lose } = await begin(method, key)
    await lose()
    const repeat = repeats[method](other, key)
    await untilActive(metrics, 2)
    finish()
    expect(await repeat).toBe('Hello, world')
    expect(askedFor('hi')).toBe(1)
    await untilActive(metrics, 0)
  })

  test.each(['Chat', 'StreamChat'] as const)('nor keeps the result of a %s from a repeat', async (method) => {
    const key = newKey()
    const { client: other, metrics, lose } = await begin(method, key)
    await lose()
    await untilActive(metrics, 1)
    finish()
    await untilActive(metrics, 0)
    expect(await repeats[method](other, key)).toBe('Hello, world')
    expect(askedFor('hi')).toBe(1)
  })
})

function askedFor(text: string): number {
  return upstream.hits.filter(({ body }) => body.includes(`"${text}"`)).length
}

test.each(['gRPC', 'HTTP/2'])('a call that is cancelled over %s ends, and frees its key', async (server) => {
  const key = newKey()
  const call = await servers[server]?.({ method: 'Chat', request: HI, headers: { 'idempotency-key': key } })
  if (!call) throw new Error('one of them')
  await eventually(() => expect(waiting).toHaveLength(1))
  const [exchange] = waiting.splice(0)
  call.cancel()
  await exchange?.hit.closed
  upstream.answer(answers('once more'))
  expect(await repeats.Chat(call.client, key)).toBe('once more')
  expect(askedFor('hi')).toBe(2)
  call.close()
  await untilActive(call.metrics, 0)
})

test('a call without a key ends with its connection', async () => {
  const own = callAtGrpc(gateway.grpc, { method: 'Chat', request: HI, headers: {} })
  await eventually(() => expect(waiting).toHaveLength(1))
  own.lose()
  await waiting[0]?.hit.closed
  await untilActive(gateway.metrics, 0)
})

test('a lost call whose repeat is cancelled ends', async () => {
  const key = newKey()
  const { lose } = await lostAtGrpc(key)
  await lose()
  const leaving = new AbortController()
  const repeat = chat(client, HI, { ...withKey(key).options, signal: leaving.signal })
  await untilActive(gateway.metrics, 2)
  leaving.abort()
  await waiting[0]?.hit.closed
  expect((await repeat).error?.code).toBe('CANCELLED')
  await untilActive(gateway.metrics, 0)
})

test('a lost call ends at its deadline, and frees its key', async () => {
  const key = newKey()
  const { lose } = await lostAtGrpc(key, { 'grpc-timeout': '60S' })
  await lose()
  await gateway.pass(61_000)
  await waiting[0]?.hit.closed
  await untilActive(gateway.metrics, 0)
  waiting.length = 0
  upstream.answer(answers('in time'))
  expect(await repeats.Chat(client, key)).toBe('in time')
})

test('of one caller 16 calls outlive their connections, and further ones are cancelled', async () => {
  const calls = Array.from({ length: 17 }, () => {
    const call = { method: 'Chat', request: HI, headers: { 'idempotency-key': newKey() } } as const
    return callAtGrpc(gateway.grpc, call)
  })
  await eventually(() => expect(waiting).toHaveLength(17))
  for (const { lose } of calls) lose()
  await untilActive(gateway.metrics, 16)
  const cancelled = await Promise.race(waiting.map(({ hit }) => hit.closed.then(() => hit)))
  expect(waiting.map(({ hit }) => hit)).toContain(cancelled)
  finish()
  await untilActive(gateway.metrics, 0)
  // All places are free again.
  upstream.hits.length = 0
  const key = newKey()
  const { lose } = await lostAtGrpc(key)
  await lose()
  await untilActive(gateway.metrics, 1)
  finish()
  expect(await repeats.Chat(client, key)).toBe('Hello, world')
})

test('a batch outlives its connection, and a repeat finds all of its results', async () => {
  const key = newKey()
  const requests = ['one', 'two', 'three'].map((content) => ({ ...HOUSE, messages: [{ role: Role.USER, content }] }))
  const call = { method: 'BatchChat', request: { requests }, headers: { 'idempotency-key': key } } as const
  const own = callAtGrpc(gateway.grpc, call, { requests: [ofWitness] })
  await eventually(() => expect(waiting).toHaveLength(4))
  own.lose()
  await waiting.find(({ hit }) => hit.body.includes('witness'))?.hit.closed
  await untilActive(gateway.metrics, 3)
  finish()
  await untilActive(gateway.metrics, 0)
  const { options, trailers } = withKey(key)
  const { messages, error } = await client.stream(LlmGateway.method.batchChat, { requests }, options)
  expect(error).toBeUndefined()
  expect(messages.map(({ result }) => result.case)).toEqual(Array(3).fill('response'))
  expect(trailers).toEqual({ replayed: 'true' })
  expect(upstream.hits).toHaveLength(4)
})

async function lostAtGrpc(key: string, headers = {}): Promise<OpenCall> {
  const call = await servers['gRPC']?.({ method: 'Chat', request: HI, headers: { 'idempotency-key': key, ...headers } })
  if (!call) throw new Error('one of them')
  await eventually(() => expect(waiting).toHaveLength(1))
  return call
}
