import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CostGroup,
  HealthStatus,
  HealthView,
  LlmGateway,
  LlmGatewayAdmin,
  UsageState,
} from '../../../src/domain/types.ts'
import { chat, streamChat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { type Reply, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* What calls cost, asked over a real socket. */

const { getCostSummary, listUsage, listCallerCosts } = LlmGatewayAdmin.method
const keys = { web: 'web-key-0123456789abcdef', batch: 'batch-key-0123456789abcd', ops: 'ops-key-0123456789abcdef' }

let upstream: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient

/** Whole or streamed, with the usage that an OpenAI-like server reports. */
const replying: Reply = (exchange) => {
  const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 }
  const message = { role: 'assistant', content: 'hello' }
  const whole = { id: 'x', model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }], usage }
  const streamed = exchange.hit.json['stream'] === true
  exchange.response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' })
  const piece = { id: 'x', model: 'm', choices: [{ index: 0, delta: message, finish_reason: 'stop' }], usage }
  exchange.response.end(streamed ? `data: ${JSON.stringify(piece)}\n\ndata: [DONE]\n\n` : JSON.stringify(whole))
}

const as = (name: keyof typeof keys) => ({ metadata: { authorization: `Bearer ${keys[name]}` } })

beforeAll(async () => {
  upstream = await startUpstream(replying)
  gateway = await startGateway({
    yaml: `
auth:
  keys:
    - { name: web, key: "$\{WEB}" }
    - { name: batch, key: "$\{BATCH}" }
    - { name: ops, key: "$\{OPS}", admin: true }
providers:
  house: { kind: local, base_url: "${upstream.url}", default_model: m }
models: { fast: { targets: [house/m] } }
prices: { house/m: { input: 1, output: 10 } }
cache: { enabled: true }
ledger: { url: memory }
`,
    env: {
      WEB: keys.web,
      BATCH: keys.batch,
      OPS: keys.ops,
      COST_CURRENCY: 'EUR',
      LLM_GATEWAY_COST_USD_RATE: '0.5',
    },
  })
  client = new GrpcClient(gateway.grpc)
  await chat(client, { model: 'fast', userId: 'ann', labels: { team: 'red' } }, as('web'))
  await chat(client, { model: 'fast', userId: 'ann', labels: { team: 'red' } }, as('web'))
  await streamChat(client, { model: 'house/m', userId: 'bob' }, as('web'))
  await chat(client, { model: 'house/m', sessionId: 's1' }, as('batch'))
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

describe('a summary', () => {
  test('sums what an admin asks for, largest cost first', async () => {
    const groupBy = [CostGroup.CALLER, CostGroup.USER, CostGroup.ALIAS]
    const { value } = await client.unary(getCostSummary, { groupBy }, as('ops'))
    expect(
      value?.rows.map(({ keys, calls, cachedCalls, usd, savedUsd }) => [keys, calls, cachedCalls, usd, savedUsd]),
    ).toEqual(
      expect.arrayContaining([
        [['web', 'ann', 'fast'], 2n, 1n, 0.002, 0.002],
        [['web', 'bob', ''], 1n, 0n, 0.002, 0],
        [['batch', '', ''], 1n, 0n, 0.002, 0],
      ]),
    )
    expect(value?.total).toMatchObject({ calls: 4n, errors: 0n, usage: { input: 3_000n, output: 300n }, usd: 0.006 })
  })

  test('shows a caller its own calls only, whatever it filters by', async () => {
    const own = await client.unary(getCostSummary, {}, as('batch'))
    expect(own.value?.total).toMatchObject({ calls: 1n, usd: 0.002 })
    const other = await client.unary(getCostSummary, { filter: { caller: 'web' } }, as('batch'))
    expect(other.value?.total).toMatchObject({ calls: 0n, usd: 0 })
  })

  test('shows amounts in another currency, too', async () => {
    const { value } = await client.unary(getCostSummary, { groupBy: [CostGroup.CALLER] }, as('ops'))
    expect(value).toMatchObject({ currency: 'EUR', usdRate: 0.5, total: { usd: 0.006, amount: 0.003 } })
    expect(value?.rows.map(({ amount }) => amount)).toEqual([0.002, 0.001])
  })

  test('groups by a label', async () => {
    const { value } = await client.unary(getCostSummary, { groupBy: [CostGroup.LABEL], labelKey: 'team' }, as('web'))
    expect(value?.rows.map(({ keys, calls }) => [keys, calls])).toEqual(
      expect.arrayContaining([
        [['red'], 2n],
        [[''], 1n],
      ]),
    )
  })

  test.each([
    ['time_zone', { timeZone: 'Mars/Olympus' }],
    ['group_by[0]', { groupBy: [99 as CostGroup] }],
    ['label_key', { groupBy: [CostGroup.LABEL] }],
    ['start', { start: { seconds: 2_000n }, end: { seconds: 1_000n } }],
    ['start', { end: { seconds: 1_000n } }],
    ['start', { start: { seconds: 300_000_000_000n } }],
    ['end', { end: { seconds: 1n, nanos: -1 } }],
    ['filter.states[0]', { filter: { states: [99 as UsageState] } }],
    ['start', { start: { seconds: 1_600_000_000n }, groupBy: [CostGroup.SESSION] }],
    ['start', { start: { seconds: 1_600_000_000n }, groupBy: [CostGroup.HOUR, CostGroup.USER] }],
    ['start', { start: { seconds: 1_600_000_000n }, groupBy: [CostGroup.DAY], timeZone: 'Asia/Tokyo' }],
  ])('refuses a bad %s', async (field, request) => {
    const { error } = await client.unary(getCostSummary, request, as('ops'))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' })
    expect(error?.message).toContain(field)
  })
})

describe('the records of usage', () => {
  test('are listed newest first, in pages', async () => {
    const first = await client.unary(listUsage, { pageSize: 3 }, as('ops'))
    expect(first.value?.records.map(({ caller, userId, state }) => [caller, userId, state])).toEqual([
      ['batch', '', UsageState.SETTLED],
      ['web', 'bob', UsageState.SETTLED],
      ['web', 'ann', UsageState.CACHED],
    ])
    const second = await client.unary(
      listUsage,
      { pageSize: 3, pageToken: first.value?.nextPageToken ?? '' },
      as('ops'),
    )
    expect(second.value?.nextPageToken).toBe('')
    expect(second.value?.records).toMatchObject([
      {
        final: true,
        attempt: 1,
        operation: 'Chat',
        alias: 'fast',
        provider: 'house',
        model: 'm',
        labels: { team: 'red' },
        usage: { input: 1_000, output: 100 },
        cost: { usd: 0.002, inputUsd: 0.001, outputUsd: 0.001 },
        code: 0,
      },
    ])
  })

  test('can be filtered', async () => {
    const { value } = await client.unary(listUsage, { filter: { sessionId: 's1' } }, as('ops'))
    expect(value?.records.map(({ caller }) => caller)).toEqual(['batch'])
  })

  test('are not paged by a token of another query', async () => {
    const ofCallers = await client.unary(listCallerCosts, { pageSize: 1 }, as('ops'))
    const first = await client.unary(listUsage, { pageSize: 1 }, as('ops'))
    const tokens = ['x', ofCallers.value?.nextPageToken ?? '']
    for (const pageToken of tokens) {
      const { error } = await client.unary(listUsage, { pageToken }, as('ops'))
      expect(error?.fields).toEqual(['page_token'])
    }
    const pageToken = first.value?.nextPageToken ?? ''
    const filtered = await client.unary(listUsage, { pageToken, filter: { caller: 'web' } }, as('ops'))
    expect(filtered.error?.fields).toEqual(['page_token'])
    const foreign = await client.unary(listUsage, { pageToken }, as('web'))
    expect(foreign.error?.fields).toEqual(['page_token'])
  })
})

test('costs of callers are listed by caller and user, in pages', async () => {
  const first = await client.unary(listCallerCosts, { pageSize: 2 }, as('ops'))
  expect(first.value?.callers.map(({ caller, userId, usd }) => [caller, userId, usd])).toEqual([
    ['batch', '', 0.002],
    ['web', 'ann', 0.002],
  ])
  const second = await client.unary(listCallerCosts, { pageToken: first.value?.nextPageToken ?? '' }, as('ops'))
  expect(second.value?.callers.map(({ caller, userId }) => [caller, userId])).toEqual([['web', 'bob']])
  expect(second.value?.nextPageToken).toBe('')
})

test('Stats has what was spent today and this month: by all callers for admins, else by the caller itself', async () => {
  const { value: all } = await client.unary(LlmGateway.method.stats, {}, as('ops'))
  expect(all).toMatchObject({ costTodayUsd: 0.006, costMonthUsd: 0.006 })
  const { value: own } = await client.unary(LlmGateway.method.stats, {}, as('batch'))
  expect(own).toMatchObject({ costTodayUsd: 0.002, costMonthUsd: 0.002 })
})

describe('Health', () => {
  const { health } = LlmGateway.method
  const names = (value: { readonly components: readonly { readonly name: string }[] } | undefined) =>
    value?.components.map(({ name }) => name)

  test('shows the ledger among what costs need, to admins only', async () => {
    const { value } = await client.unary(health, { view: HealthView.COSTS }, as('ops'))
    expect(names(value)).toEqual(['ledger'])
    expect(value?.providers).toEqual([])
    const { error } = await client.unary(health, { view: HealthView.COSTS }, as('web'))
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'ADMIN_REQUIRED' })
    const stranger = await client.unary(health, { view: HealthView.COSTS })
    expect(stranger.error?.code).toBe('UNAUTHENTICATED')
  })

  test('has a view of dependencies, and one of the status alone', async () => {
    const dependencies = await client.unary(health, { view: HealthView.DEPENDENCIES }, as('web'))
    expect(names(dependencies.value)).toEqual(['ledger'])
    const basic = await client.unary(health, { view: HealthView.BASIC }, as('web'))
    expect(basic.value).toMatchObject({ status: HealthStatus.HEALTHY, providers: [], components: [] })
  })
})
