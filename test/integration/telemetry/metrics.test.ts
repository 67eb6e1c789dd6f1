import { afterAll, beforeAll, expect, test } from 'vitest'
import { LlmGateway } from '../../../src/domain/types.ts'
import { chat } from '../../support/client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { freePort } from '../../support/ports.ts'
import { answers, failure, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* What is counted, with a collector of traces that is down all the time. */

let gateway: RunningGateway
let client: GrpcClient
let upstream: UpstreamServer
let good: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream(failure(501))
  good = await startUpstream(answers('ok'))
  gateway = await startGateway({
    yaml: `
      server: { drain: 500ms }
      telemetry: { otlp_endpoint: "http://127.0.0.1:${await freePort()}" }
      providers:
        failing: { kind: local, base_url: "${upstream.url}" }
        good: { kind: local, base_url: "${good.url}" }
      models: { both: { targets: [failing/m, good/m] } }
    `,
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
  await good.close()
})

const page = async () => (await fetch(gateway.metrics)).text()

test('calls, errors and fallbacks are counted, and a wrong request is not an error of ours', async () => {
  await chat(client, { model: 'both' })
  await chat(client, { model: 'failing/m' })
  await chat(client, { model: 'good/m', temperature: 9 })
  const { value } = await client.unary(LlmGateway.method.stats, {})
  expect(value).toMatchObject({ totalRequests: 3n, totalErrors: 1n, totalFallbacks: 1n })
  expect(value?.providers['failing']).toMatchObject({ requests: 2n, errors: 2n, errorRate: 1 })
  expect(value?.providers['good']).toMatchObject({ requests: 1n, errors: 0n, errorRate: 0 })
})

test('names that callers make up do not grow the metrics without end', async () => {
  const calls = 1200
  const unknown = Array.from({ length: 300 }, (_, index) => chat(client, { model: `made-up-${index}` }))
  await Promise.all(unknown)
  for (let from = 0; from < calls; from += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => chat(client, { model: `good/invented-${from + index}` })),
    )
  }
  const text = await page()
  expect(text).not.toContain('made-up')
  const models = new Set([...text.matchAll(/model="([^"]*)"/g)].map(([, model]) => model))
  expect(models).toContain('other')
  expect(models.size).toBeLessThanOrEqual(1010)
})

test('SIGTERM ends the gateway in good order, although nobody takes its spans', async () => {
  gateway.signal('SIGTERM')
  expect(await gateway.exited).toBe(0)
})
