import { setTimeout as pause } from 'node:timers/promises'
import { asking, BudgetCluster } from '../../support/budget-cluster.ts'
import { chat } from '../../support/client.ts'
import { randomFrom } from '../../support/random.ts'
import type { Figures } from '../figures.ts'
import { until } from '../streams.ts'

/** Calls that the budget bears, and that are made at once. */
const BORNE = 100
const CALLS = 1_000
const REPLICAS = 3
/** Calls that a gateway may make while Redis cannot be asked: 2 % of the limit. */
const LEASED = 2
/** Trouble begins within so many ms after the first responses. */
const WITHIN = 500

/** Calls at gateways that are killed at random, while Redis loses its data. */
export async function endedGateways(rounds: number): Promise<Figures> {
  const below = randomFrom(1)
  const charged: number[] = []
  for (let round = 0; round < rounds; round++) charged.push(await play(below))
  const most = Math.max(...charged)
  return {
    promise:
      `${CALLS} calls at once at ${REPLICAS} gateways, a budget for ${BORNE} of them; one or two gateways are killed and ` +
      `restarted, and Redis is flushed, at random moments: at most ${LEASED} calls, its lease, are overspent for each gateway`,
    measured: `${rounds} rounds: the vendor charged ${charged.join(', ')} calls: at most ${Math.max(0, most - BORNE)} overspent`,
    holds: most <= BORNE + REPLICAS * LEASED,
  }
}

async function play(below: (limit: number) => number): Promise<number> {
  const cluster = await BudgetCluster.start({ calls: BORNE, replicas: REPLICAS, kept: true })
  const burst = Array.from({ length: CALLS }, (_, at) => chat(cluster.replica(at % REPLICAS).client, asking))
  await until('the first responses', () => cluster.charged > 10)
  const first = below(REPLICAS)
  const killed = below(2) === 0 ? [first] : [first, (first + 1) % REPLICAS]
  await Promise.all([
    pause(below(WITHIN)).then(async () => (await cluster.redis.client()).flushall()),
    ...killed.map((at) => pause(below(WITHIN)).then(() => cluster.kill(at))),
  ])
  await Promise.all(burst)
  await Promise.all(killed.map((at) => cluster.restart(at)))
  // What was in flight at a gateway that ended counts, whether the vendor has charged it or not.
  await until('a budget that is spent', async () => {
    await Promise.all([0, 1, 2].map((at) => chat(cluster.replica(at).client, asking)))
    const budgets = await Promise.all([0, 1, 2].map((at) => cluster.budget(at)))
    return budgets.every(({ spentUsd, limitUsd, reservedUsd }) => spentUsd >= limitUsd - 1e-6 && reservedUsd === 0)
  })
  await Promise.all(Array.from({ length: CALLS / 2 }, (_, at) => chat(cluster.replica(at % REPLICAS).client, asking)))
  const { charged } = cluster
  await cluster.close()
  return charged
}
