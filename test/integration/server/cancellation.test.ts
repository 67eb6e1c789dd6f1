import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome } from '../../../src/domain/types.ts'
import { type CallOptions, chat, embed, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { begin, delta, failure, silence, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Callers that leave, and callers whose time is up, at both servers. */

/** Longer than a test may take, in ms: only time that a test lets pass brings it about. */
const MAX_DEADLINE = 1_200_000

let gateway: RunningGateway
let upstream: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  upstream = await startUpstream(silence)
  gateway = await startGateway({
    movableTime: true,
    yaml: `
      server: { max_deadline: ${MAX_DEADLINE}ms }
      providers: { house: { kind: local, base_url: "${upstream.url}", timeout: { first_token: 1h, idle: 1h, total: 1h } } }
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

describe.each(['gRPC', 'HTTP'] as const)('at the %s door', (name) => {
  test.each([
    ['a unary call', (signal: AbortSignal) => chat(servers[name], { model: 'house/m' }, { signal })],
    [
      'a stream that has not begun',
      (signal: AbortSignal) => streamChat(servers[name], { model: 'house/m' }, { signal }),
    ],
    ['an embedding call', (signal: AbortSignal) => embed(servers[name], { model: 'house/m' }, { signal })],
  ])('%s that is cancelled lets go of its upstream, and no other target is asked', async (_, call) => {
    upstream.answer(silence)
    upstream.hits.length = 0
    const leaving = new AbortController()
    const [hit, pending] = [upstream.nextHit(), call(leaving.signal)]
    const { closed } = await hit
    leaving.abort()
    await closed
    expect((await pending).error?.code).toBe('CANCELLED')
    expect(upstream.hits).toHaveLength(1)
  })

  test('a stream that is cancelled in its middle lets go of its upstream', async () => {
    upstream.answer(begin(delta('one '), delta('two ')))
    const leaving = new AbortController()
    const hit = upstream.nextHit()
    const pending = streamChat(
      servers[name],
      { model: 'house/m' },
      {
        signal: leaving.signal,
        onMessage: () => leaving.abort(),
      },
    )
    const { closed } = await hit
    await closed
    expect((await pending).error?.code).toBe('CANCELLED')
  })

  // A deadline that only the gateway knows of: with a clock of its own a client on a busy machine may be the first.
  const within = (ms: number): CallOptions => ({
    deadline: Number.POSITIVE_INFINITY,
    metadata: name === 'gRPC' ? { 'grpc-timeout': `${ms}m` } : { 'connect-timeout-ms': `${ms}` },
  })

  test.each([
    ['a unary call', () => chat(servers[name], { model: 'twice' }, within(10_000))],
    ['a stream', () => streamChat(servers[name], { model: 'twice' }, within(10_000))],
  ])('%s to a silent upstream ends at its deadline, and reports the attempt', async (_, call) => {
    upstream.answer(silence)
    upstream.hits.length = 0
    const [hit, pending] = [upstream.nextHit(), call()]
    const { closed } = await hit
    await gateway.pass(10_000)
    const { error } = await pending
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' })
    expect(error?.message).toMatch(/^The deadline of \d+ ms passed while waiting for house\/m\.$/)
    expect(error?.detail?.attempts).toMatchObject([
      { provider: 'house', outcome: AttemptOutcome.CANCELLED, reason: 'DEADLINE_EXCEEDED' },
    ])
    const [attempt] = error?.detail?.attempts ?? []
    const took = (attempt?.latency?.nanos ?? 0) / 1e6 + Number(attempt?.latency?.seconds) * 1000
    expect(took).toBeGreaterThan(5_000)
    await closed
    expect(upstream.hits).toHaveLength(1)
  })

  test('a call without a deadline, or with a far one, ends at the longest that a call may take', async () => {
    upstream.answer(silence)
    upstream.hits.length = 0
    const deadlines = [Number.POSITIVE_INFINITY, 3_600_000]
    const calls = deadlines.map((deadline) => chat(servers[name], { model: 'house/m' }, { deadline }))
    await eventually(() => upstream.hits.length === 2)
    await gateway.pass(MAX_DEADLINE)
    const ends = await Promise.all(calls)
    for (const { error } of ends) {
      expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'GATEWAY_MAX_DURATION' })
    }
  })

  test('a stream that is cut by its deadline keeps what came, and says how much was used', async () => {
    upstream.answer(begin(delta('one '), delta('two ')))
    let pieces = 0
    const onMessage = () => void pieces++
    const call = streamChat(servers[name], { model: 'house/m' }, { ...within(60_000), onMessage })
    await eventually(() => pieces === 3)
    await gateway.pass(60_000)
    const { text, cases, error } = await call
    expect(text).toBe('one two ')
    expect(cases).not.toContain('finish')
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', metadata: { committed: 'true' } })
    expect(error?.detail).toMatchObject({ committed: true, usage: { input: 1, output: 2, estimated: true } })
  })
})

test('a client with a clock of its own receives the attempt before its own deadline', async () => {
  upstream.answer(silence)
  const [hit, pending] = [upstream.nextHit(), chat(servers.gRPC, { model: 'house/m' }, { deadline: 100_000 })]
  await hit
  await gateway.pass(100_000)
  const { error } = await pending
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', detail: { attempts: [{ provider: 'house' }] } })
})

test('after all of this no call is active', async () => {
  const page = await (await fetch(gateway.metrics)).text()
  expect(page).toMatch(/^active_connections(\{[^}]*\})? 0$/m)
})
