import { afterEach, expect, test } from 'vitest'
import { type Budget, LlmGatewayAdmin, Role } from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { portOf, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { TestClient } from '../../support/test-client.ts'
import { startTokenUpstream, type TokenUpstream } from '../../support/token-upstream.ts'

/* Budgets over real sockets, with more calls at once than they bear. */

/** USD of one output token: 1,000 USD for a million. */
const TOKEN = 0.001
const CALLS = 1_000
const LENGTH = 50

let gateway: RunningGateway
let upstream: TokenUpstream
let client: GrpcClient
let admin: TestClient

async function start(budgets: string) {
  upstream = await startTokenUpstream()
  gateway = await startGateway({
    yaml: `
auth: none
ledger: { url: memory }
providers:
  vendor: { kind: openai-compatible, base_url: "${upstream.url}", default_model: m, max_concurrent: 2000 }
prices:
  vendor/m: { input: 0, output: 1000 }
budgets:
  list:
${budgets}`,
  })
  client = new GrpcClient(gateway.grpc)
  admin = new TestClient(portOf(gateway.grpc))
}

afterEach(async () => {
  client.close()
  admin.close()
  await gateway.close()
  await upstream.close()
})

async function budgetOf(name: string): Promise<Budget> {
  const { response } = await admin.unary(LlmGatewayAdmin.method.listBudgets, { name }).answer
  const [budget] = response?.budgets ?? []
  if (!budget) throw new Error(`there is no budget ${name}`)
  return budget
}

const asking = (tokens: number, maxTokens: number) => ({
  maxTokens,
  messages: [{ role: Role.USER, content: String(tokens) }],
})

/** 1,000 calls at once, with the codes of those that failed. */
async function together(call: () => Promise<{ error?: { reason: string | undefined } | undefined }>) {
  const results = await Promise.all(Array.from({ length: CALLS }, call))
  return results.map(({ error }) => error?.reason ?? 'OK')
}

test('1,000 unary calls at a budget for 100 spend it and not a nano-dollar more', async () => {
  await start(`    - { name: day, scope: global, limit_usd: ${100 * LENGTH * TOKEN}, window: day }`)
  const reasons = await together(() => chat(client, asking(LENGTH, LENGTH)))
  expect(new Set(reasons)).toEqual(new Set(['OK', 'BUDGET_EXCEEDED']))
  expect(reasons.filter((reason) => reason === 'OK')).toHaveLength(100)
  const { spentUsd, reservedUsd, limitUsd } = await budgetOf('day')
  expect(spentUsd).toBe(limitUsd)
  expect(reservedUsd).toBe(0)
  expect(upstream.generated()).toBe(100 * LENGTH)
})

test('1,000 streams at a budget for 100 spend it and not a nano-dollar more', async () => {
  await start(`    - { name: day, scope: global, limit_usd: ${100 * LENGTH * TOKEN}, window: day }`)
  const reasons = await together(() => streamChat(client, asking(LENGTH, LENGTH)))
  expect(new Set(reasons)).toEqual(new Set(['OK', 'BUDGET_EXCEEDED']))
  expect(reasons.filter((reason) => reason === 'OK')).toHaveLength(100)
  const { spentUsd, reservedUsd, limitUsd } = await budgetOf('day')
  expect(spentUsd).toBe(limitUsd)
  expect(reservedUsd).toBe(0)
})

test('streams that nothing but the budget ends are cut at its limit', async () => {
  await start(`    - { name: day, scope: global, limit_usd: ${20_000 * TOKEN}, window: day }`)
  const results = await Promise.all(Array.from({ length: 100 }, () => streamChat(client, asking(1e9, 1e9))))
  const cut = results.filter(({ error }) => error?.detail?.committed)
  expect(cut.length).toBeGreaterThan(5)
  for (const { error } of cut) {
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'BUDGET_EXCEEDED', pushback: '-1' })
    expect(error?.quota).toEqual(['budget:day: A budget per day'])
    expect(error?.detail?.usage?.output).toBeGreaterThan(900)
  }
  // A stream that began when little was left may end at the max_tokens that was sent for it.
  const reasons = new Set(results.map(({ error }) => (error ? error.reason : 'OK')))
  expect(['BUDGET_EXCEEDED', 'OK']).toEqual(expect.arrayContaining([...reasons]))
  const { spentUsd, reservedUsd, limitUsd } = await budgetOf('day')
  expect(spentUsd).toBeLessThanOrEqual(limitUsd)
  expect(spentUsd).toBeGreaterThan(0.95 * limitUsd)
  expect(reservedUsd).toBe(0)
})
