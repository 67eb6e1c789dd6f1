import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptOutcome, BreakerState, LlmGateway } from '../../../src/domain/types.ts'
import { chat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type ModelUpstream, startModelUpstream } from '../../support/model-upstream.ts'
import { answers, failure, json, type Reply, silence } from '../../support/upstream-server.ts'

/* Targets that keep failing are left out, and this can be seen. */

let gateway: RunningGateway
let client: GrpcClient
let first: ModelUpstream
let second: ModelUpstream

beforeAll(async () => {
  first = await startModelUpstream('first')
  second = await startModelUpstream('second')
  gateway = await startGateway({
    // However long the calls take, no target has cooled down before the test says so.
    movableTime: 'only',
    yaml: `
      providers:
        first: { kind: local, base_url: "${first.url}" }
        second: { kind: local, base_url: "${second.url}" }
      models: { both: { targets: [first/down, second/down] } }
    `,
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await Promise.all([first.close(), second.close()])
})

/** A failure that is not tried again, and that no request can cause: a proxy's page. */
const DOWN = json('<html></html>', 502)

async function calls(count: number, model: string): Promise<void> {
  for (let made = 0; made < count; made++) await chat(client, { model })
}

const page = async () => (await fetch(gateway.metrics)).text()
const breakerOf = async (provider: string) => {
  const { value } = await client.unary(LlmGateway.method.health, {})
  return value?.providers.find(({ name }) => name === provider)?.breaker
}

describe('with every target down', () => {
  test('calls fail at once, are told when to come back, and nobody is asked', async () => {
    first.answer('down', DOWN)
    second.answer('down', DOWN)
    await calls(20, 'both')
    expect([first.hits('down').length, second.hits('down').length]).toEqual([20, 20])
    const { error } = await chat(client, { model: 'both' })
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_CIRCUIT_OPEN' })
    expect(error?.retryAfter).toBeGreaterThan(0)
    expect(error?.retryAfter).toBeLessThanOrEqual(5_000)
    const skipped = { outcome: AttemptOutcome.SKIPPED, reason: 'UPSTREAM_CIRCUIT_OPEN' }
    expect(error?.detail?.attempts).toMatchObject([
      { provider: 'first', ...skipped },
      { provider: 'second', ...skipped },
    ])
    for (let call = 0; call < 50; call++) await chat(client, { model: 'both' })
    expect([first.hits('down').length, second.hits('down').length]).toEqual([20, 20])
  })

  test('Health, Stats, metrics and the log tell of it', async () => {
    expect(await breakerOf('first')).toBe(BreakerState.OPEN)
    const { value } = await client.unary(LlmGateway.method.stats, {})
    expect(value?.providers['first']?.breaker).toBe(BreakerState.OPEN)
    expect(value?.models['first/down']?.breaker).toBe(BreakerState.OPEN)
    // Only what was asked counts as a request.
    expect(value?.models['first/down']).toMatchObject({ requests: 20n, errors: 20n })
    const metrics = await page()
    expect(metrics).toMatch(/^llm_gateway_breaker_state\{[^}]*provider="first"[^}]*model="down"[^}]*\} 2$/m)
    expect(metrics).toMatch(/^llm_gateway_breaker_transitions_total\{[^}]*provider="first"[^}]*state="open"[^}]*\} 1$/m)
    expect(metrics).toMatch(
      /^llm_gateway_attempts_total\{[^}]*outcome="skipped"[^}]*UPSTREAM_CIRCUIT_OPEN[^}]*\} \d+$/m,
    )
    const line = await gateway.logged(({ message, provider }) => message === 'breaker changed' && provider === 'first')
    expect(line).toMatchObject({ level: 'warn', model: 'down', state: 'open', cool_down_ms: 5_000 })
  })

  test('one probe finds out that a target is well again, while the others are refused', async () => {
    const { error } = await chat(client, { model: 'first/down' })
    await gateway.pass(error?.retryAfter ?? 0)
    let answer = () => {}
    const held: Reply = (exchange) => {
      answer = () => answers('well')(exchange)
    }
    first.answer('down', held, answers('well'))
    const probe = chat(client, { model: 'first/down' })
    await eventually(() => expect(first.hits('down').length).toBe(21))
    expect(await breakerOf('first')).toBe(BreakerState.HALF_OPEN)
    const others = await Promise.all(Array.from({ length: 20 }, () => chat(client, { model: 'first/down' })))
    expect(others.map((other) => other.error?.reason)).toEqual(Array(20).fill('UPSTREAM_CIRCUIT_OPEN'))
    expect(first.hits('down')).toHaveLength(21)
    answer()
    expect((await probe).value?.message?.content).toBe('well')
    expect((await chat(client, { model: 'first/down' })).value?.message?.content).toBe('well')
    expect(await breakerOf('first')).toBe(BreakerState.CLOSED)
    expect(await page()).toMatch(/^llm_gateway_breaker_state\{[^}]*provider="first"[^}]*model="down"[^}]*\} 0$/m)
  })
})

test('a target that fails every second call is left out after 20', async () => {
  first.answer('flapping', ...Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? answers('ok') : DOWN)))
  await calls(30, 'first/flapping')
  expect(first.hits('flapping')).toHaveLength(20)
})

test('other models of the same provider are not left out', async () => {
  const { value } = await chat(client, { model: 'first/well' })
  expect(value?.message?.content).toBe('first')
})

test("neither the callers' own faults nor calls that they cancel leave a target out", async () => {
  first.answer('sound', failure(400))
  await calls(30, 'first/sound')
  first.answer('sound', silence)
  const leaving = new AbortController()
  const cancelled = Array.from({ length: 30 }, () => chat(client, { model: 'first/sound' }, { signal: leaving.signal }))
  await eventually(() => first.hits('sound').length === 60)
  leaving.abort()
  await Promise.all(cancelled)
  first.answer('sound', answers('ok'))
  expect((await chat(client, { model: 'first/sound' })).value?.message?.content).toBe('ok')
})

test('many calls at once to a target that is down: few are tried again', async () => {
  first.answer('crowd', failure(503))
  const reported = await Promise.all(
    Array.from({ length: 200 }, (_, index) => chat(client, { model: 'first/crowd', labels: { index: `${index}` } })),
  )
  for (const { error } of reported) expect(error?.code).toBe('UNAVAILABLE')
  expect(first.hits('crowd').length).toBeLessThanOrEqual(1.2 * 200)
})
