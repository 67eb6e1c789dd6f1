import type { ChatResponse } from '../../src/domain/types.ts'
import { AttemptOutcome } from '../../src/domain/types.ts'
import { chat, type Outcome } from '../support/client.ts'
import { startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { answers, failure, json, startUpstream } from '../support/upstream-server.ts'
import { type Figures, type Promised, quantile, spread, times } from './figures.ts'
import { openLoop } from './open-loop.ts'

const RATE = 1_000

/** How soon another target is asked, and what a target has to bear that is down. */
export const outage: Promised = {
  name: 'outage',
  measure: async (short) => [await failover(short), ...(await fullOutage(short))],
}

async function failover(short: boolean): Promise<Figures> {
  const failedAt = new Map<string, number>()
  const took: number[] = []
  const first = await startUpstream((exchange) => {
    failure(502)(exchange)
    failedAt.set(String(exchange.hit.json['model']), performance.now())
  })
  const second = await startUpstream((exchange) => {
    took.push(performance.now() - (failedAt.get(String(exchange.hit.json['model'])) ?? 0))
    answers('second')(exchange)
  })
  const gateway = await startGateway({
    yaml: `
      providers:
        first: { kind: local, base_url: "${first.url}" }
        second: { kind: local, base_url: "${second.url}" }
    `,
  })
  const client = new GrpcClient(gateway.grpc)
  await times(short ? 100 : 2_000, 4, async (index) => {
    await chat(client, { model: `first/m${index}`, fallbackModels: [`second/m${index}`] })
  })
  client.close()
  await gateway.close()
  await Promise.all([first.close(), second.close()])
  return {
    promise: 'the next target is asked within 100 ms of the failure of the one before (p99)',
    measured: spread(took),
    holds: quantile(took, 0.99) <= 100,
  }
}

interface Ended {
  readonly outcome: Outcome<ChatResponse>
  readonly took: number
}

/** Both targets down, and calls that do not wait for each other. */
async function fullOutage(short: boolean): Promise<Figures[]> {
  const upstreams = [await startUpstream(answers('well')), await startUpstream(answers('well'))]
  const [first, second] = upstreams
  const gateway = await startGateway({
    yaml: `
      providers:
        first: { kind: local, base_url: "${first?.url}" }
        second: { kind: local, base_url: "${second?.url}" }
      models: { both: { targets: [first/m, second/m] } }
    `,
  })
  const client = new GrpcClient(gateway.grpc)
  const seconds = short ? 5 : 60
  // A process that has just started is slow.
  await times(2_000, 4, async (index) => void (await chat(client, { model: `first/warm-${index % 10}` })))
  for (const upstream of upstreams) {
    upstream.hits.length = 0
    // Without a body: with the vendor's own error it might be about the request.
    upstream.answer(json('', 503))
  }
  const calls: Ended[] = []
  await openLoop(RATE, seconds, async () => {
    const at = performance.now()
    const outcome = await chat(client, { model: 'both' })
    calls.push({ outcome, took: performance.now() - at })
  })
  const figures = upstreams.map(({ hits }, index) => {
    const name = index === 0 ? 'first' : 'second'
    const planned = calls.filter(({ outcome }) => wasAsked(outcome, name)).length
    return {
      promise: `both targets down, ${RATE} calls/s for ${seconds} s: at most 1.2 hits on the ${name} for each call that it was asked for`,
      measured: `${hits.length} hits, ${planned} of ${calls.length} calls: ${(hits.length / planned).toFixed(2)}`,
      holds: hits.length <= 1.2 * planned,
    }
  })
  const refused = calls.filter(({ outcome }) => !wasAsked(outcome, 'first') && !wasAsked(outcome, 'second'))
  const alone: number[] = []
  await times(500, 1, async () => {
    const begun = performance.now()
    const outcome = await chat(client, { model: 'both' })
    if (!wasAsked(outcome, 'first') && !wasAsked(outcome, 'second')) alone.push(performance.now() - begun)
  })
  client.close()
  await gateway.close()
  for (const upstream of upstreams) await upstream.close()
  return [
    ...figures,
    {
      promise: 'when every target is skipped, a call fails in less than 10 ms (p50), with RetryInfo',
      measured: `${spread(alone)}, one after the other; at ${RATE} a second ${spread(refused.map(({ took }) => took))}`,
      holds: quantile(alone, 0.5) < 10 && refused.every(({ outcome }) => outcome.error?.retryAfter !== undefined),
    },
  ]
}

function wasAsked({ error }: Outcome<ChatResponse>, provider: string): boolean {
  const attempts = error?.detail?.attempts ?? []
  return attempts.some((attempt) => attempt.provider === provider && attempt.outcome !== AttemptOutcome.SKIPPED)
}
