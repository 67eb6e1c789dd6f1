import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test as everywhere, expect } from 'vitest'
import { type Budget, LlmGatewayAdmin, Role, type UsageRecord, UsageState } from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { metric } from '../../support/metrics-page.ts'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { test as withRedis } from '../../support/redis-test.ts'
import { type Exchange, frame, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/*
 * Two callers ask the same at the same time, over real sockets, so that the vendor is asked once. What the budget of the
 * first one bears is held by another call of hers while the response is generated: the second one pays for the rest.
 */

const key = (name: string) => ({ metadata: { authorization: `Bearer key-of-${name}-0123456789` } })
const NANO = 1e9
/** Nano-dollars of a token. */
const INPUT = 100_000
const OUTPUT = 1_000_000
const INPUT_TOKENS = 37

let redis: RedisServer | undefined
let upstream: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient
let folder: string

async function start(more = '') {
  upstream = await startUpstream()
  folder = await mkdtemp(join(tmpdir(), 'shared-payers-'))
  gateway = await startGateway({
    yaml: `
auth:
  cache_namespaces: all
  keys:
    - { name: ann, key: "\${ANN}" }
    - { name: bob, key: "\${BOB}" }
    - { name: admin, key: "\${ADMIN}", admin: true }
cache: { ttl: 1h }
ledger: { url: "sqlite:${folder}/ledger.sqlite" }
providers:
  vendor: { kind: openai-compatible, base_url: "${upstream.url}", default_model: m }
prices:
  vendor/m: { input: 100, output: 1000 }
budgets:
  list:
    - { name: all, scope: global, limit_usd: 100, window: day }
    - { name: of-ann, scope: caller, match: ann, limit_usd: 2.1, window: day }
    - { name: of-bob, scope: caller, match: bob, limit_usd: 50, window: day }
${more}`,
    env: { ANN: 'key-of-ann-0123456789', BOB: 'key-of-bob-0123456789', ADMIN: 'key-of-admin-0123456789' },
  })
  client = new GrpcClient(gateway.grpc)
}

afterEach(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
  await redis?.close()
  redis = undefined
  await rm(folder, { recursive: true })
})

/** A vendor that streams as many tokens as the test says, and holds what is not streamed. */
function vendor() {
  let stream: Exchange['response'] | undefined
  let tokens = 0
  upstream.answer(({ hit, response }) => {
    if (hit.json['stream'] !== true) return
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    stream = response
    say(1)
  })
  function say(count: number): void {
    tokens += count
    for (let at = 0; at < count; at++) send({ choices: [{ index: 0, delta: { content: 'tok ' } }] })
  }
  function send(value: object): void {
    stream?.write(frame({ id: 'x', ...value }))
  }
  return {
    say,
    finish() {
      send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
      const usage = { prompt_tokens: INPUT_TOKENS, completion_tokens: tokens, total_tokens: INPUT_TOKENS + tokens }
      send({ choices: [], usage })
      stream?.end('data: [DONE]\n\n')
      return INPUT_TOKENS * INPUT + tokens * OUTPUT
    },
  }
}

async function budgets(): Promise<Readonly<Record<string, Budget>>> {
  const { value } = await client.unary(LlmGatewayAdmin.method.listBudgets, {}, key('admin'))
  return Object.fromEntries((value?.budgets ?? []).map((budget) => [budget.name, budget]))
}

const reserved = async (name: string) => (await budgets())[name]?.reservedUsd ?? 0
const spentNano = async (name: string) => Math.round(((await budgets())[name]?.spentUsd ?? 0) * NANO)
const nanoOf = (records: readonly UsageRecord[]) =>
  records.reduce((sum, { cost }) => sum + Math.round((cost?.usd ?? Number.NaN) * NANO), 0)

const asking = (content: string, maxTokens: number) => ({ maxTokens, messages: [{ role: Role.USER, content }] })
const SHARED = { ...asking('Tell us a long story.', 1_900), cache: { namespace: 'everybody' } }

async function handOver() {
  const { say, finish } = vendor()
  const ann = streamChat(client, SHARED, key('ann'))
  await eventually(() => expect(upstream.hits).toHaveLength(1))
  let bob: ReturnType<typeof streamChat> | undefined
  // It has joined when it has received what was said so far.
  await new Promise<void>((joined) => {
    bob = streamChat(client, SHARED, { ...key('bob'), onMessage: () => joined() })
  })
  const abort = new AbortController()
  const other = chat(client, asking('Something else.', 1_000), { ...key('ann'), signal: abort.signal })
  await eventually(() => expect(upstream.hits).toHaveLength(2))
  say(899)
  // What the first caller has left is too little: the budget of the second one is asked before it is needed.
  await eventually(async () => expect(await reserved('of-bob')).toBeGreaterThan(0))
  say(500)
  const first = await ann
  expect(first.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'BUDGET_EXCEEDED', pushback: '-1' })
  expect(first.error?.quota).toEqual(['budget:of-ann:ann: 2.1 USD per day'])
  expect(first.error?.detail).toMatchObject({ committed: true, usage: { estimated: true } })
  say(100)
  const charged = finish()
  const second = await bob
  expect(second?.error).toBeUndefined()
  expect(second?.text).toBe('tok '.repeat(1_500))
  abort.abort()
  await other
  // What all gateways have reserved is known at each synchronization.
  const open = async () => Object.values(await budgets()).reduce((sum, { reservedUsd }) => sum + reservedUsd, 0)
  await eventually(async () => expect(await open()).toBe(0))
  expect(upstream.hits).toHaveLength(2)

  const last = second?.messages.at(-1)?.event
  const cost = last?.case === 'finish' ? last.value.cost : undefined
  let records: readonly UsageRecord[] = []
  // They are in the database a little later: two calls of one caller, one of the other.
  await eventually(async () => {
    const { value } = await client.unary(LlmGatewayAdmin.method.listUsage, {}, key('admin'))
    records = value?.records ?? []
    expect(records.filter(({ final }) => final)).toHaveLength(3)
  })
  const parts = records.filter(({ state }) => state === UsageState.SETTLED)
  expect(parts.map(({ caller, attempt, final }) => ({ caller, attempt, final }))).toEqual(
    expect.arrayContaining([
      { caller: 'ann', attempt: 1, final: true },
      { caller: 'bob', attempt: 1, final: true },
    ]),
  )
  const tokens = (of: 'input' | 'output') => parts.reduce((sum, { usage }) => sum + (usage?.[of] ?? 0), 0)
  expect([tokens('input'), tokens('output')]).toEqual([INPUT_TOKENS, 1_500])
  expect(nanoOf(parts), 'what the ledger has of the shared response').toBe(charged)
  const bobs = nanoOf(records.filter(({ caller }) => caller === 'bob'))
  expect(bobs).toBeGreaterThan(400 * OUTPUT)
  expect(Math.round((cost?.usd ?? 0) * NANO), 'what the second caller is told').toBe(bobs)
  // With the call that held the budget, which is charged although it was given up.
  const all = nanoOf(records)
  expect(await spentNano('all')).toBe(all)
  expect(await spentNano('of-ann')).toBe(all - bobs)
  expect(await spentNano('of-bob')).toBe(bobs)
  expect(Math.round((await metric(gateway.metrics, 'llm_cost_total')) * NANO)).toBe(all)
}

everywhere('the next caller of a shared response pays what the first one cannot', async () => {
  await start()
  await handOver()
})

withRedis('the next caller of a shared response pays, where gateways count together', async () => {
  redis = await startRedis()
  await start(`redis: { url: "${redis.url}", timeout: 60s }`)
  await handOver()
})
