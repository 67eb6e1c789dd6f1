import { afterEach, beforeEach, expect } from 'vitest'
import { LlmGatewayAdmin } from '../../../src/domain/types.ts'
import { asking, BudgetCluster, LENGTH, TOKEN } from '../../support/budget-cluster.ts'
import { chat } from '../../support/client.ts'
import { eventually } from '../../support/eventually.ts'
import { type PostgresServer, startPostgres } from '../../support/postgres.ts'
import { test } from '../../support/postgres-test.ts'

/* Three gateways count a budget in one Redis, and keep their records in one Postgres. */

const BORNE = 100
const RECOVERY = 6_000

let postgres: PostgresServer
let cluster: BudgetCluster

beforeEach(async () => {
  postgres = await startPostgres()
  const url = await postgres.createDatabase('budgets')
  cluster = await BudgetCluster.start({ calls: BORNE, postgres: url, movableTime: true, timeout: '60s' })
})

afterEach(async () => {
  await cluster.close()
  await postgres.close()
})

const replicas = [0, 1, 2]

async function spend(calls: number): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const { error } = await chat(cluster.replica(call % replicas.length).client, asking)
    expect(error).toBeUndefined()
  }
}

/** Until every gateway knows this many calls, and this addition to the limit in USD. */
async function allKnow(calls: number, adjustedUsd: number): Promise<void> {
  for (const at of replicas) {
    await eventually(async () => {
      await cluster.replica(at).gateway.pass(RECOVERY)
      const budget = await cluster.budget(at)
      expect(budget.spentUsd).toBeCloseTo(calls * LENGTH * TOKEN, 6)
      expect(budget.adjustedUsd).toBeCloseTo(adjustedUsd, 6)
    })
  }
}

/** Until the database has the records of all calls. */
function recorded(calls: number): Promise<void> {
  return eventually(async () => {
    for (const at of replicas) await cluster.replica(at).gateway.pass(1_000)
    const { value } = await cluster.replica(0).client.unary(LlmGatewayAdmin.method.getCostSummary, {})
    expect(Number(value?.total?.calls)).toBe(calls)
  })
}

test('what the Postgres knows counts once after a flush, also where all gateways begin again', async () => {
  await spend(12)
  for (const [at, addUsd] of [
    [0, 2],
    [1, -0.5],
  ] as const) {
    await cluster.replica(at).client.unary(LlmGatewayAdmin.method.adjustBudget, { name: 'all', addUsd })
  }
  await allKnow(12, 1.5)
  await (await cluster.redis.client()).flushall()
  await allKnow(12, 1.5)
  await spend(3)
  await recorded(15)
  for (const at of replicas) await cluster.kill(at)
  await (await cluster.redis.client()).flushall()
  for (const at of replicas) await cluster.restart(at)
  await allKnow(15, 1.5)
  // One that begins after a flush adds nothing to what the others set again.
  await cluster.kill(2)
  await (await cluster.redis.client()).flushall()
  await cluster.restart(2)
  await allKnow(15, 1.5)
})
