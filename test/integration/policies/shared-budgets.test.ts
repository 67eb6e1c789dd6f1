import { afterEach, expect } from 'vitest'
import { LlmGateway, LlmGatewayAdmin, Role } from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { portOf, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test } from '../../support/redis-test.ts'
import { TestClient } from '../../support/test-client.ts'
import { startTokenUpstream, type TokenUpstream } from '../../support/token-upstream.ts'

/* Three gateways on one Redis count one budget. */

const TOKEN = 0.001
const LENGTH = 50

let redis: RedisServer
let upstream: TokenUpstream
let gateways: RunningGateway[] = []
let clients: GrpcClient[] = []

async function start(limit: number) {
  redis = await startRedis()
  upstream = await startTokenUpstream()
  const yaml = `
auth: none
redis: { url: "${redis.url}", timeout: 60s }
ledger: { url: memory }
providers:
  vendor: { kind: openai-compatible, base_url: "${upstream.url}", default_model: m, max_concurrent: 2000 }
prices:
  vendor/m: { input: 0, output: 1000 }
budgets:
  list:
    - { name: day, scope: global, limit_usd: ${limit}, window: day }
`
  gateways = await Promise.all([1, 2, 3].map(() => startGateway({ yaml })))
  clients = gateways.map(({ grpc }) => new GrpcClient(grpc))
}

afterEach(async () => {
  for (const client of clients) client.close()
  await Promise.all(gateways.map((gateway) => gateway.close()))
  await upstream.close()
  await redis.close()
})

const asking = { maxTokens: LENGTH, messages: [{ role: Role.USER, content: String(LENGTH) }] }

test.for(['unary', 'streams'] as const)('1,000 %s at a budget for 100 spend it once', async (form) => {
  await start(100 * LENGTH * TOKEN)
  const call = form === 'unary' ? chat : streamChat
  const calls = Array.from({ length: 1_000 }, (_, at) => call(clients[at % 3] as GrpcClient, asking))
  const reasons = (await Promise.all(calls)).map(({ error }) => error?.reason ?? 'OK')
  expect(new Set(reasons)).toEqual(new Set(['OK', 'BUDGET_EXCEEDED']))
  expect(reasons.filter((reason) => reason === 'OK')).toHaveLength(100)
  expect(upstream.generated()).toBe(100 * LENGTH)
})

test('a gateway that lost Redis goes on with a small part of the budget', async () => {
  await start(1_000 * LENGTH * TOKEN)
  const [client] = clients
  if (!client) throw new Error('there is no gateway')
  expect((await chat(client, asking)).error).toBeUndefined()
  await redis.kill()
  const admin = new TestClient(portOf(gateways[0]?.grpc ?? ''))
  const component = async () => {
    const { response } = await admin.unary(LlmGateway.method.health, {}).answer
    return response?.components.find(({ name }) => name === 'budgets')?.healthy
  }
  const reasons: string[] = []
  for (let call = 0; call < 30; call++) reasons.push((await chat(client, asking)).error?.reason ?? 'OK')
  expect(reasons.filter((reason) => reason === 'OK')).toHaveLength(20)
  expect(await component()).toBe(false)
  await redis.start()
  await eventually(async () => expect((await chat(client, asking)).error).toBeUndefined())
  const { response } = await admin.unary(LlmGatewayAdmin.method.listBudgets, {}).answer
  expect(response?.budgets[0]?.spentUsd).toBeGreaterThanOrEqual(22 * LENGTH * TOKEN - 1e-9)
  expect(await component()).toBe(true)
  admin.close()
})

test('a Redis that loses its data gets the sums again, and nothing is spent twice', async () => {
  await start(100 * LENGTH * TOKEN)
  const succeeding = async (count: number) => {
    const calls = Array.from({ length: count }, (_, at) => chat(clients[at % 3] as GrpcClient, asking))
    return (await Promise.all(calls)).filter(({ error }) => !error).length
  }
  expect(await succeeding(60)).toBe(60)
  await (await redis.client()).flushall()
  const after = await succeeding(300)
  // At most what each gateway may spend from its lease beyond the limit.
  expect(60 + after).toBeLessThanOrEqual(100 + 3 * 2)
  expect(after).toBeGreaterThanOrEqual(1)
})
