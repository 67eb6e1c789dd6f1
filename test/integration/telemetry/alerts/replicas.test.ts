import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { LlmGatewayAdmin } from '../../../../src/domain/types.ts'
import { chat, type ServerName } from '../../../support/client.ts'
import { eventually } from '../../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { type RedisServer, startRedis } from '../../../support/redis.ts'
import { test } from '../../../support/redis-test.ts'
import { answers, type Hit, json, startUpstream, type UpstreamServer } from '../../../support/upstream-server.ts'

/* Several gateways, as their operators run them, on one Redis, with one webhook. */

let redis: RedisServer
let upstream: UpstreamServer
let hook: UpstreamServer
let gateways: RunningGateway[]
let servers: ServerName[]

beforeEach(async () => {
  redis = await startRedis()
  upstream = await startUpstream(answers('ok'))
  hook = await startUpstream(json({}))
  gateways = []
  servers = []
})

afterEach(async () => {
  for (const server of servers) server.close()
  await Promise.all(gateways.map((gateway) => gateway.close()))
  await hook.close()
  await upstream.close()
  await redis.close()
})

/** A busy machine may keep everybody waiting: only a Redis that is really gone may be given up. */
const yaml = (ledger = 'memory', more = `redis: { url: "${redis.url}", timeout: 20s }`) => `
auth: none
providers: { up: { kind: openai-compatible, base_url: "${upstream.url}/v1" } }
${more}
ledger: { url: "${ledger}" }
prices: { up/m: { input: 1000, output: 1000 } }
budgets: { list: [{ name: all, scope: global, limit_usd: 0.1, window: total, action: alert }] }
alerts: { webhooks: [{ url: "${hook.url}/hook" }] }
`

async function start(replicas: number, file = yaml()): Promise<void> {
  const started = await Promise.all(Array.from({ length: replicas }, () => startGateway({ yaml: file })))
  gateways.push(...started)
  servers.push(...started.map(({ grpc }) => new GrpcClient(grpc)))
}

async function ask(calls: number): Promise<void> {
  const asked = Array.from({ length: calls }, (_, index) => {
    const server = servers[index % servers.length]
    return server && chat(server, { provider: 'up', model: 'm' }, { deadline: 100_000 })
  })
  await Promise.all(asked)
}

/** What the webhook got, each with the threshold. */
function received(): readonly string[] {
  return hook.hits.map(({ json }) => {
    const { type, data } = json as { type: string; data: { threshold?: number } } // The format of the gateway.
    return `${type} ${data.threshold ?? ''}`
  })
}

test('three gateways that pass a threshold together under load send one alert', async () => {
  await start(3)
  await ask(300)
  await eventually(() =>
    expect(received()).toEqual(expect.arrayContaining(['budget_threshold 1', 'budget_exceeded 1'])),
  )
  await ask(300)
  const isAlert = (line: string) => line.includes('"message":"alert"') && line.includes('"event":"budget_exceeded"')
  await eventually(() => gateways.some((gateway) => gateway.output().split('\n').some(isAlert)))
  expect(received().toSorted()).toEqual([...new Set(received())].toSorted())
  expect(gateways.flatMap((gateway) => gateway.output().split('\n').filter(isAlert))).toHaveLength(1)
})

test.each(['Redis', 'its ledger in SQLite'])(
  'a gateway that is killed between claiming an alert and sending it finds it in %s after its restart, and sends it',
  async (where) => {
    const folder = mkdtempSync(join(tmpdir(), 'alerts-'))
    const file = where === 'Redis' ? yaml() : yaml(`sqlite:${folder}/ledger.sqlite`, '')
    hook.answer(() => {})
    await start(1, file)
    await ask(100)
    await eventually(() => hook.hits.length > 0)
    const [first] = hook.hits
    const isFirst = ({ headers }: Hit) => headers['webhook-id'] === first?.headers['webhook-id']
    gateways[0]?.signal('SIGKILL')
    await gateways[0]?.exited
    for (const server of servers.splice(0)) server.close()
    hook.answer(json({}))
    hook.hits.splice(0)
    await start(1, file)
    await eventually(() => hook.hits.some(isFirst))
    expect(hook.hits.find(isFirst)?.body).toBe(first?.body)
    // What the new process raises has been claimed before.
    await ask(100)
    const deliveries = await testAlert()
    expect(deliveries?.map(({ receiver, ok }) => [receiver, ok])).toEqual([
      ['log', true],
      ['generic', true],
    ])
    const ids = hook.hits.map(({ headers }) => headers['webhook-id'])
    expect(ids).toHaveLength(new Set(ids).size)
    await Promise.all(gateways.map((gateway) => gateway.close()))
    rmSync(folder, { recursive: true, force: true })
  },
)

async function testAlert() {
  const [server] = servers
  if (!server) throw new Error('a gateway runs')
  const { value } = await server.unary(LlmGatewayAdmin.method.testAlert, {})
  return value?.deliveries
}
