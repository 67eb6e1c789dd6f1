import { afterEach, describe, expect } from 'vitest'
import { LlmGateway, LlmGatewayAdmin, Role } from '../../../src/domain/types.ts'
import { asking, BudgetCluster, type ClusterOptions, LENGTH, TOKEN } from '../../support/budget-cluster.ts'
import { chat, streamChat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { test } from '../../support/redis-test.ts'
import { chatBody, json } from '../../support/upstream-server.ts'

/* Three gateways on one Redis count one budget, and something breaks. */

/** Calls that the budget bears. */
const BORNE = 100
/** Calls that a gateway may make while Redis cannot be asked. */
const LEASED = 2
const REPLICAS = 3
/** Until every gateway has set its part again, in ms. */
const RECOVERY = 6_000

let cluster: BudgetCluster

/** Time that passes at once lets nobody give up Redis. */
const PATIENT = '60s'

async function start(options: Partial<ClusterOptions> = {}): Promise<void> {
  const usual = { calls: BORNE, replicas: REPLICAS, movableTime: true, timeout: PATIENT }
  cluster = await BudgetCluster.start({ ...usual, ...options })
}

afterEach(() => cluster.close())

/** So many calls at once, at the replicas in turn; of each the reason, or OK. */
async function calls(
  count: number,
  replicas: readonly number[] = [0, 1, 2],
  call: typeof chat | typeof streamChat = chat,
) {
  const made = Array.from({ length: count }, async (_, at) => {
    const { client } = cluster.replica(replicas[at % replicas.length] ?? 0)
    const { error } = await call(client, asking)
    return error?.reason ?? 'OK'
  })
  return await Promise.all(made)
}

const succeeded = (reasons: readonly string[]) => reasons.filter((reason) => reason === 'OK').length

/** The clocks of these gateways go past the time in which they may not know each other. */
async function recover(replicas: readonly number[] = [0, 1, 2]): Promise<void> {
  for (const at of replicas) await cluster.replica(at).gateway.pass(RECOVERY)
}

/** What a replica knows of the budget, in calls. */
async function sums(at: number) {
  const { spentUsd, reservedUsd } = await cluster.budget(at)
  const callsOf = (usd: number) => Math.round((usd / LENGTH / TOKEN) * 1e6) / 1e6
  return { spent: callsOf(spentUsd), reserved: callsOf(reservedUsd) }
}

/** Until a replica knows this of the budget. */
async function knows(at: number, expected: { readonly spent: number; readonly reserved: number }): Promise<void> {
  await eventually(async () => {
    await cluster.replica(at).gateway.pass(5_000)
    expect(await sums(at)).toEqual(expected)
  })
}

describe('in the middle of 1,000 calls', () => {
  const troubles: Readonly<Record<string, { begin(): unknown; end(): unknown }>> = {
    'Redis is flushed': { begin: async () => (await cluster.redis.client()).flushall(), end: () => {} },
    'Redis is killed': { begin: () => cluster.redis.kill(), end: () => cluster.redis.start() },
    'Redis is stopped': { begin: () => cluster.redis.stop(), end: () => cluster.redis.resume() },
    'the replies of Redis are lost': { begin: () => eat(true), end: () => eat(false) },
  }

  function eat(replies: boolean): void {
    for (const { proxy } of cluster.replicas) if (proxy) proxy.eatsReplies = replies
  }

  test.for(Object.keys(troubles))('%s: no more than the leases are overspent', async (name) => {
    const { begin, end } = troubles[name] ?? {}
    await start({ proxied: true, timeout: '1s', movableTime: false })
    const burst = calls(1_000)
    await eventually(() => cluster.charged >= 20)
    await begin?.()
    await burst
    await end?.()
    await eventually(async () => {
      await calls(30)
      const { spent, reserved } = await sums(0)
      return spent >= BORNE && reserved === 0
    })
    await calls(300)
    expect(cluster.charged).toBeLessThanOrEqual(BORNE + REPLICAS * LEASED)
    await eventually(async () => (await sums(0)).spent >= cluster.charged)
  })
})

test('what an ended gateway had reserved is counted as spent when its lease has passed', async () => {
  await start({ calls: 1_000 })
  cluster.upstream.answer(() => {})
  const { client } = cluster.replica(2)
  for (let call = 0; call < 100; call++) void chat(client, asking)
  await knows(0, { spent: 0, reserved: 100 })
  await cluster.kill(2)
  await knows(0, { spent: 0, reserved: 100 })
  await cluster.endLeases()
  await knows(1, { spent: 100, reserved: 0 })
  await knows(0, { spent: 100, reserved: 0 })
})

test('a gateway that is heard of again counts what it has spent, not what it had reserved', async () => {
  await start({ calls: 1_000 })
  const held: (() => void)[] = []
  cluster.upstream.answer((exchange) => void held.push(() => json(chatBody('tok'))(exchange)))
  const running = Array.from({ length: 10 }, () => chat(cluster.replica(2).client, asking))
  await knows(0, { spent: 0, reserved: 10 })
  await cluster.endLeases()
  await knows(0, { spent: 10, reserved: 0 })
  await eventually(() => held.length === 10)
  for (const release of held) release()
  await Promise.all(running)
  // Two tokens each.
  await cluster.replica(2).gateway.pass(5_000)
  await knows(0, { spent: (10 * 2) / LENGTH, reserved: 0 })
})

test('what an ended gateway had spent is not forgotten when Redis loses its data', async () => {
  await start()
  expect(new Set(await calls(60))).toEqual(new Set(['OK']))
  await cluster.kill(2)
  await calls(3, [0, 1])
  await (await cluster.redis.client()).flushall()
  await recover([0, 1])
  await knows(0, { spent: 63, reserved: 0 })
  expect(succeeded(await calls(300, [0, 1]))).toBeLessThanOrEqual(BORNE - 63)
  expect(cluster.charged).toBeLessThanOrEqual(BORNE + 2 * LEASED)
})

test('what each ledger knows counts once, whether Redis still knows it or not', async () => {
  await start({ kept: true })
  const restartAll = async () => {
    for (const at of [0, 1, 2]) await cluster.kill(at)
  }
  expect(new Set(await calls(60))).toEqual(new Set(['OK']))
  await restartAll()
  for (const at of [0, 1, 2]) await cluster.restart(at)
  for (const at of [0, 1, 2]) await knows(at, { spent: 60, reserved: 0 })
  await restartAll()
  await (await cluster.redis.client()).flushall()
  for (const at of [0, 1, 2]) await cluster.restart(at)
  for (const at of [0, 1, 2]) await knows(at, { spent: 60, reserved: 0 })
  // Its ledger comes first, and the others then set again what they know of it.
  await cluster.kill(2)
  await (await cluster.redis.client()).flushall()
  await cluster.restart(2)
  for (const at of [0, 1, 2]) await knows(at, { spent: 60, reserved: 0 })
  await eventually(async () => {
    await calls(60)
    return cluster.charged >= BORNE
  })
  expect(cluster.charged).toBeLessThanOrEqual(BORNE + REPLICAS * LEASED)
})

test('an adjusted limit survives a restart and the loss of Redis’ data', async () => {
  await start({ kept: true })
  const adjust = async (at: number, addUsd: number) => {
    const { client } = cluster.replica(at)
    const { value, error } = await client.unary(LlmGatewayAdmin.method.adjustBudget, { name: 'all', addUsd })
    expect(error).toBeUndefined()
    return value?.budget?.adjustedUsd
  }
  const adjusted = async (at: number, usd: number) => {
    await eventually(async () => {
      await cluster.replica(at).gateway.pass(5_000)
      expect((await cluster.budget(at)).adjustedUsd).toBeCloseTo(usd, 6)
    })
  }
  expect(await adjust(0, 2)).toBeCloseTo(2, 6)
  expect(await adjust(1, -0.5)).toBeCloseTo(1.5, 6)
  for (const at of [0, 1, 2]) await adjusted(at, 1.5)
  await (await cluster.redis.client()).flushall()
  for (const at of [0, 1, 2]) await adjusted(at, 1.5)
  for (const at of [0, 1, 2]) await cluster.kill(at)
  await (await cluster.redis.client()).flushall()
  for (const at of [0, 1, 2]) await cluster.restart(at)
  for (const at of [0, 1, 2]) await adjusted(at, 1.5)
  const { limitUsd } = await cluster.budget(2)
  expect(limitUsd).toBeCloseTo(BORNE * LENGTH * TOKEN + 1.5, 6)
})

test('a limit that is adjusted while Redis fails is adjusted once', async () => {
  await start({ kept: true, proxied: true, timeout: '1s', movableTime: false })
  const { client, proxy } = cluster.replica(0)
  const adjust = () => client.unary(LlmGatewayAdmin.method.adjustBudget, { name: 'all', addUsd: 1 })
  if (proxy) proxy.eatsReplies = true
  const { error } = await adjust()
  expect(error?.reason).toBe('BUDGETS_UNAVAILABLE')
  if (proxy) proxy.eatsReplies = false
  await eventually(async () => (await adjust()).value?.budget?.adjustedUsd === 1)
  await (await cluster.redis.client()).flushall()
  for (const at of [0, 1]) await eventually(async () => (await cluster.budget(at)).adjustedUsd === 1)
  await cluster.kill(0)
  await (await cluster.redis.client()).flushall()
  await cluster.restart(0)
  await eventually(async () => (await cluster.budget(0)).adjustedUsd === 1)
})

test('what one gateway has spent is seen at the others at once', async () => {
  await start({ more: ', { name: own, scope: caller, limit_usd: 100, window: month }' })
  await calls(2, [0])
  const { client } = cluster.replica(1)
  const usd = 2 * LENGTH * TOKEN
  expect((await cluster.budget(1)).spentUsd).toBeCloseTo(usd, 9)
  const { value } = await client.unary(LlmGateway.method.estimate, { chat: { ...asking, model: 'vendor/m' } })
  expect(value?.targets[0]?.budgets).toMatchObject([{ name: 'all' }, { name: 'own', remainingUsd: 100 - usd }])
})

test('a stream goes on while Redis cannot be asked, within the lease', async () => {
  await start({ calls: 1_000 })
  const { client } = cluster.replica(0)
  const length = 1_500
  const stream = streamChat(client, { maxTokens: 4_000, messages: [{ role: Role.USER, content: String(length) }] })
  await eventually(() => cluster.upstream.generated() > 100)
  await cluster.redis.kill()
  const { error } = await stream
  expect(error).toBeUndefined()
  expect(cluster.upstream.generated()).toBe(length)
})
