import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome, type ChatEvent } from '../../../src/domain/types.ts'
import { chat, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { untilActive } from '../../support/metrics-page.ts'
import {
  answers,
  begin,
  beginThen,
  bytesThenFin,
  delta,
  frame,
  type Reply,
  silence,
  startUpstream,
  stream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* Callers that allow it are answered anew when an answer breaks off. */

let gateway: RunningGateway
let servers: Record<'gRPC' | 'HTTP', ServerName>
let cut: UpstreamServer
let other: UpstreamServer

/** Time that a vendor may be silent within a stream, in ms. */
const IDLE = 60_000

const WIRES = ['openai', 'anthropic', 'gemini', 'ollama'] as const
type WireName = (typeof WIRES)[number]

beforeAll(async () => {
  cut = await startUpstream()
  other = await startUpstream(answers('all ', 'anew'))
  const limits = `timeout: { idle: ${IDLE}ms }`
  const keys = `keys: ["$\{KEY}"], `
  const cutting = WIRES.map(
    (kind) => `  ${kind}: { kind: ${kind}, base_url: "${cut.url}", ${kind === 'ollama' ? '' : keys}${limits} }`,
  )
  gateway = await startGateway({
    movableTime: true,
    yaml: [
      'server: { heartbeat: 1h }',
      'providers:',
      ...cutting,
      `  whole: { kind: local, base_url: "${cut.url}", stream_unary: true }`,
      `  other: { kind: local, base_url: "${other.url}" }`,
    ].join('\n'),
    env: { KEY: 'a-key' },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await Promise.all([cut.close(), other.close()])
})

/** Lets the vendor's time run out once the first piece of its answer has come. */
function passIdle(message: unknown): void {
  // The messages of this method.
  const { event } = message as ChatEvent
  if (event.case === 'text' && event.value.text === 'half ') void gateway.pass(IDLE)
}

let models = 0
function fromTo(provider: string, allowReset = true) {
  const model = `m${++models}`
  return { model: `${provider}/${model}`, fallbackModels: [`other/${model}`], allowReset }
}

/** The first piece of an answer, as each wire writes it. */
const FIRST: Record<WireName, readonly string[]> = {
  openai: [delta('half ')],
  anthropic: [
    `event: message_start\n${frame({ type: 'message_start', message: { id: 'a', model: 'm', usage: { input_tokens: 1 } } })}`,
    frame({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    frame({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'half ' } }),
  ],
  gemini: [frame({ candidates: [{ content: { role: 'model', parts: [{ text: 'half ' }] } }] })],
  ollama: [`${JSON.stringify({ model: 'm', message: { role: 'assistant', content: 'half ' }, done: false })}\n`],
}

/** How an answer may break off. */
const CUTS: Readonly<Record<string, (pieces: readonly string[]) => Reply>> = {
  'is reset': (pieces) => beginThen(pieces, ({ socket }) => socket.resetAndDestroy()),
  'ends without saying that it is complete': (pieces) => stream(...pieces),
  'is closed': (pieces) =>
    bytesThenFin('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n', ...pieces),
  stalls: (pieces) => begin(...pieces),
}

const CASES = WIRES.flatMap((wire) => Object.entries(CUTS).map(([fault, reply]) => [wire, fault, reply] as const))

describe.each(['gRPC', 'HTTP'] as const)('at the %s door', (server) => {
  test.each(CASES)('an answer of %s that %s is followed by one of the next target', async (wire, fault, reply) => {
    cut.answer(ofWire(wire, reply(FIRST[wire])))
    const { messages, cases, error } = await streamChat(
      servers[server],
      fromTo(wire),
      fault === 'stalls' ? { onMessage: passIdle } : {},
    )
    expect(error).toBeUndefined()
    expect(cases).toEqual(['start', 'text', 'reset', 'text', 'text', 'finish'])
    const [, , reset, ...texts] = messages.map(({ event }) => event)
    expect(reset).toMatchObject({ value: { route: { provider: 'other', fallbackUsed: true } } })
    expect(texts).toMatchObject([{ value: { text: 'all ' } }, { value: { text: 'anew' } }, {}])
    expect(texts.at(-1)).toMatchObject({
      value: {
        usage: { input: 5, output: 2, estimated: false },
        route: {
          provider: 'other',
          attempts: [
            { provider: wire, outcome: AttemptOutcome.FAILED },
            { provider: 'other', outcome: AttemptOutcome.OK },
          ],
        },
      },
    })
  })

  test('who does not allow it keeps what came, and is told that it is not all', async () => {
    cut.answer(stream(...FIRST.openai))
    const before = other.hits.length
    const { text, cases, error } = await streamChat(servers[server], fromTo('openai', false))
    expect(text).toBe('half ')
    expect(cases).not.toContain('reset')
    expect(error).toMatchObject({ reason: 'UPSTREAM_STREAM_TRUNCATED', detail: { committed: true } })
    expect(other.hits.length).toBe(before)
  })

  test('a Chat that its provider streams recovers, too, and holds nothing of what broke off', async () => {
    cut.answer(stream(delta('half '), delta('of it')))
    const { value } = await chat(servers[server], fromTo('whole'))
    expect(value?.message?.content).toBe('all anew')
    expect(value?.route).toMatchObject({ provider: 'other', attempts: [{ provider: 'whole' }, { provider: 'other' }] })
  })

  test('a caller that leaves while the next target is asked lets go of it', async () => {
    cut.answer(stream(...FIRST.openai))
    other.answer(silence)
    const leaving = new AbortController()
    const [hit, reported] = [other.nextHit(), streamChat(servers[server], fromTo('openai'), { signal: leaving.signal })]
    const { closed } = await hit
    leaving.abort()
    await closed
    expect((await reported).error?.code).toBe('CANCELLED')
    other.answer(answers('all ', 'anew'))
  })
})

test('with no target left the error tells of all of them, and that part of an answer was sent', async () => {
  cut.answer(stream(...FIRST.openai))
  const { text, error } = await streamChat(servers.gRPC, { ...fromTo('openai'), fallbackModels: [] })
  expect(text).toBe('half ')
  expect(error).toMatchObject({ reason: 'UPSTREAM_STREAM_TRUNCATED', detail: { committed: true } })
  const both = await streamChat(servers.gRPC, { ...fromTo('openai'), fallbackModels: ['openai/another'] })
  expect(both.cases).toEqual(['start', 'text', 'reset', 'text'])
  expect(both.error?.message).toContain('All 2 targets failed.')
  expect(both.error?.detail?.attempts).toHaveLength(2)
})

test('a slow reader is not overrun: what it has not taken waits, in its order', async () => {
  cut.answer(stream(delta('half '), ...Array.from({ length: 500 }, () => delta('x'.repeat(1_000)))))
  other.answer(answers(...Array.from({ length: 500 }, () => 'y'.repeat(1_000))))
  const { cases, messages, error } = await streamChat(servers.gRPC, fromTo('openai'))
  expect(error).toBeUndefined()
  expect(cases.filter((name) => name === 'reset')).toHaveLength(1)
  const after = messages
    .slice(cases.indexOf('reset'))
    .map(({ event }) => (event.case === 'text' ? event.value.text : ''))
  expect(after.join('')).toBe('y'.repeat(500_000))
  other.answer(answers('all ', 'anew'))
})

test('after all of this no call is active', async () => {
  await untilActive(gateway.metrics, 0)
})

/** The wires write their frames in two ways. */
function ofWire(wire: WireName, reply: Reply): Reply {
  if (wire !== 'ollama') return reply
  return (exchange) => {
    const { response } = exchange
    const head = response.writeHead.bind(response)
    response.writeHead = () => head(200, { 'content-type': 'application/x-ndjson' })
    reply(exchange)
  }
}
