import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome } from '../../../src/domain/types.ts'
import { type CallOptions, chat, embed, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { begin, delta, failure, silence, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Callers that leave, and callers whose time is up, at both doors. */

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  upstream = await startUpstream(silence)
  gateway = await startGateway({
    yaml: `
      server: { max_deadline: 1200ms }
      providers: { house: { kind: local, base_url: "${upstream.url}" } }
      models: { twice: { targets: [house/m, house/other] } }
    `,
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
  // The first failure of a process is slow: its code is compiled, its connection made.
  upstream.answer(failure(500))
  for (const server of Object.values(servers)) {
    await chat(server, { model: 'twice' })
    await streamChat(server, { model: 'twice' })
  }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await upstream.close()
})

/** What is promised in milliseconds may take longer on a busy machine: not every time. */
const busy = { retry: 3 }

/** How long after the caller's leave an upstream may still be called, in ms. */
const AT_ONCE = 100

describe.each(['gRPC', 'HTTP'] as const)('at the %s door', (name) => {
  test.each([
    ['a unary call', (signal: AbortSignal) => chat(servers[name], { model: 'house/m' }, { signal })],
    [
      'a stream that has not begun',
      (signal: AbortSignal) => streamChat(servers[name], { model: 'house/m' }, { signal }),
    ],
    ['an embedding call', (signal: AbortSignal) => embed(servers[name], { model: 'house/m' }, { signal })],
  ])('%s that is cancelled lets go of its upstream at once, and no other target is asked', busy, async (_, call) => {
    upstream.answer(silence)
    upstream.hits.length = 0
    const leaving = new AbortController()
    const [hit, pending] = [upstream.nextHit(), call(leaving.signal)]
    const { closed } = await hit
    const left = performance.now()
    leaving.abort()
    expect((await closed) - left).toBeLessThan(AT_ONCE)
    expect((await pending).error?.code).toBe('CANCELLED')
    expect(upstream.hits).toHaveLength(1)
  })

  test('a stream that is cancelled in its middle lets go of its upstream at once', busy, async () => {
    upstream.answer(begin(delta('one '), delta('two ')))
    const leaving = new AbortController()
    const hit = upstream.nextHit()
    let left = 0
    const pending = streamChat(
      servers[name],
      { model: 'house/m' },
      {
        signal: leaving.signal,
        onMessage() {
          left ||= performance.now()
          leaving.abort()
        },
      },
    )
    const { closed } = await hit
    expect((await closed) - left).toBeLessThan(AT_ONCE)
    expect((await pending).error?.code).toBe('CANCELLED')
  })

  // A deadline that only the gateway knows of: with a clock of its own a client on a busy machine may be the first.
  const within = (ms: number): CallOptions => ({
    deadline: Number.POSITIVE_INFINITY,
    metadata: name === 'gRPC' ? { 'grpc-timeout': `${ms}m` } : { 'connect-timeout-ms': `${ms}` },
  })

  test.each([
    ['a unary call', () => chat(servers[name], { model: 'twice' }, within(1000))],
    ['a stream', () => streamChat(servers[name], { model: 'twice' }, within(1000))],
  ])('%s to a silent upstream ends shortly before its deadline, and is told of the attempt', busy, async (_, call) => {
    upstream.answer(silence)
    upstream.hits.length = 0
    const begun = performance.now()
    const [{ closed }, { error }] = await Promise.all([upstream.nextHit(), call()])
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' })
    expect(error?.message).toMatch(/^The deadline of \d+ ms passed while waiting for house\/m\.$/)
    expect(error?.detail?.attempts).toMatchObject([
      { provider: 'house', outcome: AttemptOutcome.CANCELLED, reason: 'DEADLINE_EXCEEDED' },
    ])
    const [attempt] = error?.detail?.attempts ?? []
    const took = (attempt?.latency?.nanos ?? 0) / 1e6 + Number(attempt?.latency?.seconds) * 1000
    expect(took).toBeGreaterThan(900)
    expect(took).toBeLessThan(1000)
    expect((await closed) - begun).toBeGreaterThan(900)
    expect(upstream.hits).toHaveLength(1)
  })

  test('a call without a deadline, or with a far one, ends at the longest that a call may take', async () => {
    upstream.answer(silence)
    const deadlines = [Number.POSITIVE_INFINITY, 3_600_000]
    const ends = await Promise.all(deadlines.map((deadline) => chat(servers[name], { model: 'house/m' }, { deadline })))
    for (const { error } of ends) {
      expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'GATEWAY_MAX_DURATION' })
    }
  })

  test('a stream that is cut by its deadline keeps what came, and says how much was used', async () => {
    upstream.answer(begin(delta('one '), delta('two ')))
    const { text, cases, error } = await streamChat(servers[name], { model: 'house/m' }, within(300))
    expect(text).toBe('one two ')
    expect(cases).not.toContain('finish')
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', metadata: { committed: 'true' } })
    expect(error?.detail).toMatchObject({ committed: true, usage: { input: 1, output: 2, estimated: true } })
  })
})

test('a client with a clock of its own is told of the attempt before that comes', busy, async () => {
  upstream.answer(silence)
  const { error } = await chat(servers.gRPC, { model: 'house/m' }, { deadline: 500 })
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', detail: { attempts: [{ provider: 'house' }] } })
})

test('after all of this no call is active', async () => {
  const page = await (await fetch(gateway.metrics)).text()
  expect(page).toMatch(/^active_connections(\{[^}]*\})? 0$/m)
})
