import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AttemptOutcome } from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import {
  answers,
  begin,
  delta,
  type Exchange,
  failure,
  reset,
  startUpstream,
  type UpstreamServer,
} from '../../support/upstream-server.ts'

/* How many upstream calls there may be at once, and what becomes of the others. */

let narrow: UpstreamServer
let other: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient
/** The exchanges that the narrow upstream has not answered yet. */
const held: Exchange[] = []

beforeAll(async () => {
  narrow = await startUpstream()
  other = await startUpstream(answers('other'))
  gateway = await startGateway({
    movableTime: true,
    yaml: [
      'server: { max_concurrent: 3 }',
      'providers:',
      `  narrow: { kind: local, base_url: "${narrow.url}", max_concurrent: 2, max_queue: 2 }`,
      `  unbounded: { kind: local, base_url: "${narrow.url}" }`,
      `  other: { kind: local, base_url: "${other.url}" }`,
      'models: { either: { targets: [narrow/m, other/m] } }',
    ].join('\n'),
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await narrow.close()
  await other.close()
})

beforeEach(() => {
  narrow.hits.length = 0
  other.hits.length = 0
  held.length = 0
  narrow.answer((exchange) => void held.push(exchange))
})

/** A number of the metrics page. */
async function metric(name: string, scope: string): Promise<number> {
  const page = await (await fetch(gateway.metrics)).text()
  const [, value] = new RegExp(`^llm_gateway_concurrency_${name}\\{scope="${scope}"\\} (\\d+)$`, 'm').exec(page) ?? []
  return Number(value)
}

const queued = (count: number) => eventually(async () => (await metric('queued', 'narrow')) === count)

/** Answers what is held, and all that follows. */
function release(): void {
  narrow.answer(answers('narrow'))
  for (const exchange of held.splice(0)) answers('narrow')(exchange)
}

async function nothingIsLeft(): Promise<void> {
  for (const scope of ['narrow', '\\*']) {
    expect(await metric('active', scope)).toBe(0)
    expect(await metric('queued', scope)).toBe(0)
  }
}

describe('more calls than a provider may have', () => {
  test('wait for their turn', async () => {
    const calls = Array.from({ length: 4 }, () => chat(client, { model: 'narrow/m' }))
    await eventually(() => held.length === 2)
    await queued(2)
    expect(await metric('active', 'narrow')).toBe(2)
    expect(narrow.hits).toHaveLength(2)
    release()
    for (const { value } of await Promise.all(calls)) expect(value?.message?.content).toBe('narrow')
    expect(narrow.hits).toHaveLength(4)
    await nothingIsLeft()
  })

  test('are refused at once when as many wait as may, and go to the next target where there is one', async () => {
    const calls = Array.from({ length: 4 }, () => chat(client, { model: 'narrow/m' }))
    await eventually(() => held.length === 2)
    await queued(2)
    const before = await metric('refused', 'narrow')
    const { error } = await chat(client, { model: 'narrow/m' })
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'CONCURRENCY_LIMITED' })
    expect(error?.metadata).toMatchObject({ origin: 'policy', target: 'narrow/m' })
    expect(error?.retryAfter).toBeGreaterThan(0)
    expect(error?.detail?.attempts).toMatchObject([{ outcome: AttemptOutcome.SKIPPED, reason: 'CONCURRENCY_LIMITED' }])
    const { value } = await chat(client, { model: 'either' })
    expect(value?.route).toMatchObject({
      provider: 'other',
      fallbackUsed: true,
      attempts: [{ provider: 'narrow', outcome: AttemptOutcome.SKIPPED, reason: 'CONCURRENCY_LIMITED' }, {}],
    })
    expect(await metric('refused', 'narrow')).toBe(before + 2)
    release()
    await Promise.all(calls)
    expect(narrow.hits).toHaveLength(4)
    await nothingIsLeft()
  })

  test('leave the queue when their callers do, and never reach the vendor', async () => {
    const calls = Array.from({ length: 2 }, () => chat(client, { model: 'narrow/m' }))
    await eventually(() => held.length === 2)
    const leaving = new AbortController()
    const waiting = chat(client, { model: 'narrow/m' }, { signal: leaving.signal })
    const own = { deadline: Number.POSITIVE_INFINITY, metadata: { 'grpc-timeout': '10S' } }
    const hasty = chat(client, { model: 'narrow/m' }, own)
    await queued(2)
    leaving.abort()
    expect((await waiting).error?.code).toBe('CANCELLED')
    await gateway.pass(10_000)
    expect((await hasty).error?.code).toMatch(/DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED/)
    await queued(0)
    release()
    await Promise.all(calls)
    expect(narrow.hits).toHaveLength(2)
    await nothingIsLeft()
  })

  test('have their places back however they end', async () => {
    const held = begin(delta('one '))
    for (const reply of [failure(404), reset, answers('ok'), failure(400)]) {
      narrow.answer(reply)
      await Promise.all(Array.from({ length: 4 }, () => streamChat(client, { model: 'narrow/m' })))
    }
    narrow.answer(held)
    const leaving = new AbortController()
    const streams = Array.from({ length: 2 }, () =>
      streamChat(client, { model: 'narrow/m' }, { signal: leaving.signal, onMessage: () => {} }),
    )
    await eventually(async () => (await metric('active', 'narrow')) === 2)
    leaving.abort()
    await Promise.all(streams)
    await eventually(async () => (await metric('active', 'narrow')) === 0)
    await nothingIsLeft()
  })
})

test('all providers together have no more calls than the gateway may', async () => {
  const calls = Array.from({ length: 5 }, () => chat(client, { model: 'unbounded/m' }))
  await eventually(() => held.length === 3)
  await eventually(async () => (await metric('queued', '\\*')) === 2)
  expect(narrow.hits).toHaveLength(3)
  release()
  for (const { value } of await Promise.all(calls)) expect(value?.message?.content).toBe('narrow')
  await nothingIsLeft()
})
