import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Part } from '../../../../src/domain/types.ts'
import { chat, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import {
  chatBody,
  DONE,
  delta,
  frame,
  json,
  type Reply,
  STOP,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* Replies that are large: whole up to what may be sent, and an error above it. */

const SIZE = 1_500_000
const MAX_SEND = 2 << 20

let upstream: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    yaml: `
      server: { max_send_bytes: 2MiB }
      providers: { house: { kind: openai, base_url: "${upstream.url}", keys: ["$\{KEY}"] } }
    `,
    env: { KEY: 'a-key' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

const request = { model: 'house/m' }

/** A turn as its whole message, and as a stream of one event. */
function turn(message: object): { readonly whole: Reply; readonly streamed: Reply } {
  const body = chatBody('', { choices: [{ index: 0, message, finish_reason: 'stop' }] })
  return { whole: json(body), streamed: stream(frame({ choices: [{ index: 0, delta: message }] }), STOP, DONE) }
}

describe('a reply of 1.5 MB arrives whole', () => {
  const text = JSON.stringify({ text: 'é"\n'.repeat(SIZE / 6) })
  const call = { id: 'a', index: 0, type: 'function', function: { name: 'f', arguments: text } }
  const bytes = Buffer.alloc(SIZE, 'a picture of a house, ')
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${bytes.toString('base64')}` } }
  const called = turn({ role: 'assistant', tool_calls: [call] })
  const drawn = turn({ role: 'assistant', content: null, images: [picture] })

  test('as the arguments of a tool', async () => {
    upstream.answer(called.whole)
    const { value } = await chat(client, request)
    expect(value?.message?.toolCalls.map((each) => each.arguments === text)).toEqual([true])
  })

  test('as the arguments of a tool in one event of a stream', async () => {
    upstream.answer(called.streamed)
    const { messages, cases, error } = await streamChat(client, request)
    const pieces = messages.map(({ event }) => (event.case === 'toolCall' ? event.value.arguments : ''))
    expect(error).toBeUndefined()
    expect(pieces.join('') === text).toBe(true)
    expect(cases.at(-1)).toBe('finish')
  })

  test('as an image', async () => {
    upstream.answer(drawn.whole)
    const { value } = await chat(client, request)
    expect(value?.message?.parts.map(isPicture)).toEqual([true])
  })

  test('as an image in one event of a stream', async () => {
    upstream.answer(drawn.streamed)
    const { messages, cases, error } = await streamChat(client, request)
    const parts = messages.flatMap(({ event }) => (event.case === 'part' ? [event.value.part] : []))
    expect(error).toBeUndefined()
    expect(parts.map(isPicture)).toEqual([true])
    expect(cases.at(-1)).toBe('finish')
  })

  function isPicture(part: Part | undefined): boolean {
    const { content } = part ?? {}
    return content?.case === 'image' && content.value.source.case === 'data' && bytes.equals(content.value.source.value)
  }
})

describe('a reply that is larger than may be sent fails, though the vendor sent all of it', () => {
  const large = 'x'.repeat(MAX_SEND)
  const refused = { code: 'RESOURCE_EXHAUSTED', reason: 'RESPONSE_TOO_LARGE' }

  test('whole', async () => {
    upstream.answer(json(chatBody(large)))
    const { value, error } = await chat(client, request)
    expect(value).toBeUndefined()
    expect(error).toMatchObject(refused)
  })

  test('as one event of a stream', async () => {
    upstream.answer(stream(delta('one '), delta(large), STOP, DONE))
    const { text, cases, error } = await streamChat(client, request)
    expect(text).toBe('one ')
    expect(cases).not.toContain('finish')
    expect(error).toMatchObject(refused)
  })
})

describe('a reply of more than 32 MiB fails', () => {
  const piece = 'x'.repeat(2 ** 20)

  test('whole, though all but its text is white space', async () => {
    upstream.answer(json(JSON.stringify(chatBody('Hello.')) + ' '.repeat(33 * 2 ** 20)))
    const { value, error } = await chat(client, request)
    expect(value).toBeUndefined()
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_LIMIT' })
  })

  test('as a stream of events that are each small enough, after what came before', async () => {
    upstream.answer(stream(...Array.from({ length: 33 }, () => delta(piece)), STOP, DONE))
    const { cases, error } = await streamChat(client, request)
    expect(cases).toContain('text')
    expect(cases).not.toContain('finish')
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_LIMIT' })
  })
})
