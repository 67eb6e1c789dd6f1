import { afterAll, beforeAll, expect, test } from 'vitest'
import { AttemptOutcome, LlmGateway } from '../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, failure, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* A provider that is rate limited, and the local model that answers its calls until it is not. */

let vendor: UpstreamServer
let local: UpstreamServer
let further: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  vendor = await startUpstream()
  local = await startUpstream(answers('local'))
  further = await startUpstream(answers('further'))
  const cloud = (name: string) => `  ${name}: { kind: openai, base_url: "${vendor.url}", keys: ["$\{KEY}"] }`
  gateway = await startGateway({
    yaml: [
      'providers:',
      ...['cloud', 'lifted', 'vectors', 'alone'].map(cloud),
      `  further: { kind: groq, base_url: "${further.url}", keys: ["$\{KEY}"] }`,
      `  house: { kind: local, base_url: "${local.url}" }`,
      'models: { cloud: { targets: [cloud/m, further/m] } }',
      'safety_lock: { target: house/small }',
    ].join('\n'),
    env: { KEY: 'a-key' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  for (const upstream of [vendor, local, further]) await upstream.close()
})

function limitFor(seconds: number): void {
  for (const { hits } of [vendor, local, further]) hits.length = 0
  vendor.answer(failure(429, {}, { 'retry-after': String(seconds) }))
}

const asked = () => [vendor, local, further].map(({ hits }) => hits.length)
const reported = (what: string) =>
  gateway
    .output()
    .split('\n')
    .filter((line) => line.includes(what))

test('its calls go to the local model first, and the route says so', async () => {
  limitFor(3_600)
  for (const outcome of [AttemptOutcome.FAILED, AttemptOutcome.SKIPPED]) {
    const { value } = await chat(client, { model: 'cloud' })
    expect(value?.message?.content).toBe('local')
    expect(value?.route).toMatchObject({
      provider: 'house',
      model: 'small',
      fallbackUsed: true,
      warnings: ['cloud is rate limited: its calls go to house/small until it is not'],
      attempts: [
        { provider: 'cloud', outcome, reason: 'UPSTREAM_RATE_LIMITED' },
        { provider: 'house', outcome: AttemptOutcome.OK },
      ],
    })
  }
  const { text } = await streamChat(client, { model: 'cloud/m' })
  expect(text).toBe('local')
  expect(asked()).toEqual([1, 3, 0])
})

test('it is seen in Stats, in Health and in metrics, and the log tells it once', async () => {
  const { value: stats } = await client.unary(LlmGateway.method.stats, {})
  expect(stats?.safetyLocks['cloud']).toMatchObject({ target: 'house/small', locked: true, diverted: 3n })
  expect(stats?.safetyLocks['alone']).toMatchObject({ locked: false, diverted: 0n })
  expect(stats?.safetyLocks['house']).toBeUndefined()
  const { value: health } = await client.unary(LlmGateway.method.health, {})
  const lockedTo = Object.fromEntries(health?.providers.map((provider) => [provider.name, provider.lockedTo]) ?? [])
  expect(lockedTo).toMatchObject({ cloud: 'house/small', alone: '', house: '' })
  const page = await (await fetch(gateway.metrics)).text()
  expect(page).toContain('llm_gateway_safety_lock{provider="cloud"} 1')
  expect(page).toContain('llm_gateway_safety_lock{provider="alone"} 0')
  expect(page).toContain('llm_gateway_safety_lock_diverted_total{provider="cloud"} 3')
  await gateway.logged((line) => String(line['message']).startsWith('safety lock engaged'))
  expect(reported('safety lock engaged')).toEqual([expect.stringContaining('"provider":"cloud"')])
})

test('the next target answers what the local model cannot', async () => {
  limitFor(3_600)
  local.answer(failure(501))
  const { value } = await chat(client, { model: 'cloud' })
  local.answer(answers('local'))
  expect(value?.route).toMatchObject({ provider: 'further', warnings: [] })
  expect(asked()).toEqual([0, 1, 1])
})

test('when it has no other target, the limit is what the caller is told', async () => {
  limitFor(3_600)
  local.answer(failure(501))
  const { error } = await chat(client, { model: 'alone/m' })
  local.answer(answers('local'))
  expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'UPSTREAM_RATE_LIMITED' })
  expect(error?.detail?.attempts).toMatchObject([{ provider: 'alone' }, { provider: 'house' }])
})

test('a caller that wants no fallback gets none, and vectors come from their own model', async () => {
  limitFor(3_600)
  const { error } = await chat(client, { model: 'cloud', disableFallback: true })
  expect(error?.reason).toBe('UPSTREAM_RATE_LIMITED')
  expect((await embed(client, { model: 'vectors/m' })).error?.reason).toBe('UPSTREAM_RATE_LIMITED')
  expect(asked()[1]).toBe(0)
})

test('it is lifted when a key is back', async () => {
  limitFor(3)
  expect((await chat(client, { model: 'lifted/m' })).value?.message?.content).toBe('local')
  vendor.answer(answers('cloud'))
  await gateway.logged(
    (line) => String(line['message']).startsWith('safety lock released') && line['provider'] === 'lifted',
  )
  const { value } = await chat(client, { model: 'lifted/m' })
  expect(value?.message?.content).toBe('cloud')
  expect(value?.route).toMatchObject({ fallbackUsed: false, warnings: [] })
  const { value: stats } = await client.unary(LlmGateway.method.stats, {})
  expect(stats?.safetyLocks['lifted']).toMatchObject({ locked: false, diverted: 1n })
})
