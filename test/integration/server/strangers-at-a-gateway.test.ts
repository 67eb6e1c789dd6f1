import http2 from 'node:http2'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterEach, describe, expect, it } from 'vitest'
import { ChatRequestSchema, ChatResponseSchema, EmbedRequestSchema, Role } from '../../../src/domain/types.ts'
import { chat, embed, type ServerName } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { message } from '../../support/raw-http2.ts'
import { chatBody, type Exchange, json, startUpstream } from '../../support/upstream-server.ts'

/* What strangers and callers can do to a whole gateway, while another caller keeps asking. */

const closing: (() => unknown)[] = []
const KEYS = { alice: 'alice-key-0123456789abcdef', bob: 'bob-key-0123456789abcdef' }
/** A reference of the configuration for each key. */
const AUTH = `auth: { keys: [${Object.keys(KEYS)
  .map((name) => `{ name: ${name}, key: "\${${name.toUpperCase()}}" }`)
  .join(', ')}] }`
const BOB = { metadata: { authorization: `Bearer ${KEYS.bob}` } }

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(yaml: string): Promise<RunningGateway> {
  const env = { ALICE: KEYS.alice, BOB: KEYS.bob }
  const gateway = await startGateway({ yaml, env })
  closing.push(() => gateway.close())
  return gateway
}

function clientOf(kind: 'gRPC' | 'HTTP', gateway: RunningGateway): ServerName {
  const client = kind === 'gRPC' ? new GrpcClient(gateway.grpc) : new ConnectClient(gateway.http)
  closing.push(() => client.close())
  return client
}

interface Sent {
  readonly path: string
  readonly body: Buffer
  readonly key?: string
}

/** Sends bytes that need not be a message; the bytes of the answer, none where it is an error. */
async function send(kind: 'gRPC' | 'HTTP', gateway: RunningGateway, { path, body, key }: Sent): Promise<Buffer> {
  const url = `/llmgateway.v1.LlmGateway/${path}`
  if (kind === 'HTTP') {
    const headers = { 'content-type': 'application/proto', ...(key !== undefined && { 'x-api-key': key }) }
    const answer = await fetch(gateway.http + url, { method: 'POST', headers, body: new Uint8Array(body) })
    const bytes = Buffer.from(await answer.arrayBuffer())
    return answer.status === 200 ? bytes : Buffer.alloc(0)
  }
  const session = http2.connect(`http://${gateway.grpc}`)
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const call = { ':method': 'POST', ':path': url, 'content-type': 'application/grpc', te: 'trailers', ...authorization }
  const stream = session.request(call)
  const pieces: Buffer[] = []
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  stream.on('error', () => {})
  stream.end(message(body))
  await new Promise((resolve) => stream.once('close', resolve))
  session.destroy()
  return Buffer.concat(pieces).subarray(5)
}

/** Answers with the last message of the question, in capital letters; a vector of its length for embeddings. */
function echo(exchange: Exchange): void {
  const { messages, input } = exchange.hit.json as { messages?: { content: string }[]; input?: string[] }
  if (messages) json(chatBody(messages.at(-1)?.content.toUpperCase() ?? ''))(exchange)
  else {
    const data = (input ?? []).map((text, index) => ({ index, embedding: [text.length], object: 'embedding' }))
    json({ object: 'list', model: 'm', data, usage: { prompt_tokens: 1, total_tokens: 1 } })(exchange)
  }
}

const textOf = (content: string) => ({ role: Role.USER, content })
const hidden = (bytes: Uint8Array, number: number, wireType: number) => {
  const tag = number * 8 + wireType
  return Buffer.from([(tag % 128) | 128, Math.floor(tag / 128), ...lengthOf(bytes), ...bytes])
}
const lengthOf = (bytes: Uint8Array) =>
  bytes.length < 128 ? [bytes.length] : [(bytes.length % 128) | 128, Math.floor(bytes.length / 128)]

describe.each(['gRPC', 'HTTP'] as const)('row 2: fields hidden in a chat at the %s server', (kind) => {
  const plain = { model: 'house/m', messages: [textOf('what is two and two?')] }
  const more = toBinary(ChatRequestSchema, create(ChatRequestSchema, { messages: [textOf('say five')] }))
  const fixed = (number: number) => Buffer.from([((number * 8 + 5) % 128) | 128, Math.floor((number * 8 + 5) / 128)])

  it.each([
    ['a group in the place of cache', hidden(more, 20, 3)],
    ['a group in the place of user_id', hidden(more, 21, 3)],
    ['a group in the place of session_id', hidden(more, 22, 3)],
    ['a group in the place of labels', hidden(more, 23, 3)],
    ['a group that ends', Buffer.concat([Buffer.from([0xa3, 0x01]), more, Buffer.from([0xa4, 0x01])])],
    ['user_id as four bytes, which hide max_tokens', Buffer.concat([fixed(21), Buffer.from([0x38, 0x01, 0x38, 0x01])])],
    ['cache as a number, before more messages', Buffer.concat([Buffer.from([0xa0, 0x01, 0x00]), more])],
    ['more messages behind cache', Buffer.concat([hidden(Buffer.alloc(0), 20, 2), more])],
  ])('%s: the next who asks the plain question gets its own answer', async (_, bytes) => {
    const upstream = await startUpstream(echo)
    closing.push(() => upstream.close())
    const gateway = await open(`providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }`)
    const first = toBinary(ChatRequestSchema, create(ChatRequestSchema, plain))
    const poison = await send(kind, gateway, { path: 'Chat', body: Buffer.concat([first, bytes]) })
    if (poison.length > 0) expect(fromBinary(ChatResponseSchema, poison).message?.content).toBe('SAY FIVE')
    const { value } = await chat(clientOf(kind, gateway), plain)
    expect(value?.message?.content).toBe('WHAT IS TWO AND TWO?')
    expect(value?.route?.cached).toBe(false)
  })

  it('in an embedding: the next who asks the plain question gets its own vectors', async () => {
    const upstream = await startUpstream(echo)
    closing.push(() => upstream.close())
    const gateway = await open(`providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }`)
    const question = { model: 'house/m', inputs: ['four'] }
    const first = toBinary(EmbedRequestSchema, create(EmbedRequestSchema, question))
    const inputs = toBinary(EmbedRequestSchema, create(EmbedRequestSchema, { inputs: ['eleven more'] }))
    for (const number of [20, 21, 22, 23]) {
      await send(kind, gateway, { path: 'Embed', body: Buffer.concat([first, hidden(inputs, number, 3)]) })
    }
    const { value } = await embed(clientOf(kind, gateway), question)
    expect(value?.embeddings.map(({ values }) => [...values])).toEqual([[4]])
  })
})

describe.each(['gRPC', 'HTTP'] as const)('row 8: a vendor that repeats "exceed" at the %s server', (kind) => {
  it.each(['exceed', 'exceed exceed_', 'maximum context ', 'credit balance is too ', 'tokens + '])(
    'as "%s" is the failure of that call, and another caller is answered',
    async (word) => {
      const words = word.repeat(8192 / word.length)
      const upstream = await startUpstream((exchange) => {
        const { messages } = exchange.hit.json as { messages: { content: string }[] }
        if (messages[0]?.content === 'hi') echo(exchange)
        else json({ error: { message: words, type: 'invalid_request_error' } }, 400)(exchange)
      })
      closing.push(() => upstream.close())
      const house = `providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }`
      const gateway = await open(`${AUTH}\n${house}`)
      const client = clientOf(kind, gateway)
      const alice = { metadata: { authorization: `Bearer ${KEYS.alice}` } }
      const long = { model: 'house/m', messages: [textOf('something else')] }
      const failing = Array.from({ length: 20 }, () => chat(client, long, alice))
      expect((await chat(client, { model: 'house/m' }, BOB)).value?.message?.content).toBe('HI')
      for (const { error } of await Promise.all(failing)) {
        expect(error?.code).toBe('INVALID_ARGUMENT')
        expect(error?.message.length).toBeLessThan(1000)
      }
    },
  )
})

describe.each(['gRPC', 'HTTP'] as const)('row 11: 300 refused calls with labels at the %s server', (kind) => {
  const names = Array.from({ length: 32 }, (_, at) => `${at}${'\u0001'.repeat(120)}`)
  const labels = Object.fromEntries(names.map((name) => [name, '\u0002'.repeat(128)]))
  const body = Buffer.from(toBinary(ChatRequestSchema, create(ChatRequestSchema, { model: 'sim/echo', labels })))

  it.each([
    ['without a credential', undefined],
    ['with a wrong one', 'nobody-key-0123456789abcdef'],
  ])('%s write a few short lines without any of the request', async (_, key) => {
    const gateway = await open(`${AUTH}\nproviders: { sim: { kind: simulator } }`)
    const client = clientOf(kind, gateway)
    const before = gateway.output().length
    for (let batch = 0; batch < 10; batch++) {
      const calls = Array.from({ length: 30 }, () => send(kind, gateway, { path: 'Chat', body, ...(key && { key }) }))
      expect((await chat(client, { model: 'sim/echo' }, BOB)).value?.message?.content).toBe('hi')
      await Promise.all(calls)
    }
    await gateway.logged((line) => line['message'] === 'refused')
    const refused = gateway
      .output()
      .split('\n')
      .filter((line) => line.includes('"message":"refused"'))
    // At most ten in ten seconds, of which a busy machine may take some more.
    const [first = 0, last = first] = [refused[0], refused.at(-1)].map((line) =>
      Date.parse(JSON.parse(line ?? '').time),
    )
    expect(refused.length).toBeLessThanOrEqual(10 * (2 + Math.floor((last - first) / 10_000)))
    expect(refused.join('')).not.toContain('u0001')
    expect(gateway.output().length - before).toBeLessThan(100_000)
  })

  it('of a caller write lines whose labels are bounded', async () => {
    const gateway = await open(`${AUTH}\nproviders: { sim: { kind: simulator } }`)
    await send(kind, gateway, { path: 'Chat', body, key: KEYS.alice })
    await gateway.logged((line) => line['message'] === 'call')
    const [line = ''] = gateway
      .output()
      .split('\n')
      .filter((text) => text.includes('"message":"call"'))
    expect(line.length).toBeLessThan(8_000)
  })
})
