import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CacheMode, Role } from '../../src/domain/types.ts'
import { mustExecute } from '../interop/execute.ts'
import { chat, embed, streamChat } from '../support/client.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { chatBody, json, startUpstream } from '../support/upstream-server.ts'
import { eventually, type Prometheus, startPrometheus } from './prometheus.ts'
import { alertQueries, dashboardQueries, metricsIn, type Query } from './queries.ts'
import { messageOf, type Report } from './report.ts'
import { prometheus } from './tools.ts'

const TIME = 60_000

/** A gateway of which every metric says something. Its collector of traces and its Redis are not there. */
const configuration = (vendor: string) => `
telemetry: { otlp_endpoint: "http://127.0.0.1:9" }
redis: { url: "redis://127.0.0.1:9" }
cache: { enabled: true }
ledger: {}
providers:
  sim: { kind: simulator, first_token_ms: 5, pace_ms: 5 }
  unpriced: { kind: openai-compatible, base_url: "${vendor}/v1", keys: ["\${VENDOR_KEY}"], default_model: m }
  priced: { kind: openai-compatible, base_url: "${vendor}/v1", keys: ["\${VENDOR_KEY}"], default_model: m }
  spent: { kind: openai-compatible, base_url: "${vendor}/v1", keys: ["\${VENDOR_KEY}"], default_model: m }
prices: { priced/m: { input: 1, output: 10 }, spent/m: { input: 1, output: 10 } }
budgets:
  list:
    - { name: all, scope: global, limit_usd: 1000000, window: month, action: alert }
    - { name: nothing, scope: provider, match: spent, limit_usd: 0.000001, window: month, action: avoid }
models:
  default: { targets: [sim/echo], cache: { enabled: false } }
  unsteady: { targets: [sim/error-503, sim/echo], cache: { enabled: false } }
  known: { targets: [sim/echo] }
  thrifty: { targets: [spent/m, sim/echo], cache: { enabled: false } }
`

/** A vendor that reports more tokens than anybody could have reserved. */
const overrunning = json(
  chatBody('ok', { usage: { prompt_tokens: 5, completion_tokens: 50_000, total_tokens: 50_005 } }),
)

/** The dashboard and the alerts, on a running gateway. */
export async function checkPrometheus(report: Report, { root, folder }: { root: string; folder: string }) {
  try {
    await prometheus()
  } catch (error) {
    return report.skip('Prometheus takes the rules and the dashboard', `it cannot be had: ${messageOf(error)}`)
  }
  const files = join(root, 'deploy/prometheus')
  const promtool = (...args: readonly string[]) => mustExecute({ command: 'promtool', args, timeout: TIME })
  await report.check('promtool check rules', () => promtool('check', 'rules', join(files, 'alerts.yml')))
  await report.check('promtool check config', () => promtool('check', 'config', join(files, 'prometheus.yml')))
  await report.check('each alert fires at its trouble, and none at a gateway that is well: promtool test rules', () =>
    promtool('test', 'rules', fileURLToPath(new URL('alerts.test.yaml', import.meta.url))),
  )
  const vendor = await startUpstream(overrunning)
  const gateway = await startGateway({ yaml: configuration(vendor.url), env: { VENDOR_KEY: 'v'.repeat(20) } })
  try {
    const server = await startPrometheus({ files, folder: join(folder, 'prometheus'), target: hostOf(gateway) })
    try {
      await checkRunning(report, { gateway, server, root })
    } finally {
      await server.close()
    }
  } finally {
    await gateway.close()
    await vendor.close()
  }
}

interface World {
  readonly gateway: RunningGateway
  readonly server: Prometheus
  readonly root: string
}

async function checkRunning(report: Report, world: World): Promise<void> {
  const { gateway, server, root } = world
  const panels = dashboardQueries(join(root, 'deploy/grafana/dashboards/llm-gateway.json'))
  const alerts = alertQueries(join(root, 'deploy/prometheus/alerts.yml'))
  const stop = keepCalling(gateway)
  try {
    // One sample of a rate is none: everything is there after two looks at the gateway with calls between them.
    await report.check(`all ${panels.length} queries of the dashboard have data`, () =>
      eventually(async () => assert.deepEqual(await withoutData(server, panels), [])),
    )
    const metrics = [...new Set([...panels, ...alerts].flatMap(metricsIn))]
    await report.check(`all ${metrics.length} metrics that are asked for are there`, () =>
      eventually(async () => {
        const queries = metrics.map((name) => ({ name, expression: `count(${name})` }))
        assert.deepEqual(await withoutData(server, queries), [])
      }),
    )
    await report.check(`Prometheus can answer the expressions of all ${alerts.length} alerts`, async () => {
      for (const { expression } of alerts) await server.query(expression)
    })
    await report.check('Prometheus evaluates every rule', () =>
      eventually(async () => {
        const rules = await server.rules()
        assert.deepEqual(
          rules.map(({ name }) => name),
          alerts.map(({ name }) => name),
        )
        assert.deepEqual(
          rules.filter(({ health }) => health !== 'ok'),
          [],
        )
      }),
    )
  } finally {
    await stop()
  }
  await report.check("promtool check metrics finds nothing wrong with the gateway's page", async () => {
    const page = await (await fetch(gateway.metrics)).text()
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' })
    assert.deepEqual([status, `${stdout}${stderr}`], [0, ''])
  })
}

/** The names of the queries that have no number to show. */
async function withoutData(server: Prometheus, queries: readonly Query[]): Promise<readonly string[]> {
  const empty: string[] = []
  for (const { name, expression } of queries) {
    const samples = await server.query(expression)
    const numbers = samples.filter(({ value: [, value] }) => value !== 'NaN')
    if (numbers.length === 0) empty.push(`${name}: ${expression}`)
  }
  return empty
}

/** Calls of every sort, again and again, until they are told to stop. */
function keepCalling(gateway: RunningGateway): () => Promise<void> {
  const client = new GrpcClient(gateway.grpc)
  let stopped = false
  const calls = async () => {
    while (!stopped) {
      await chat(client, {})
      await chat(client, { model: 'unsteady' })
      await chat(client, { model: 'known' })
      await chat(client, { provider: 'unpriced' })
      await chat(client, { provider: 'priced', cache: { mode: CacheMode.BYPASS } })
      await chat(client, { model: 'thrifty' })
      await chat(client, { model: 'sim/error-429' })
      await streamChat(client, { messages: [{ role: Role.USER, content: 'one two three four' }] })
      await embed(client, { provider: 'sim', inputs: ['a'] })
      await fetch(`${gateway.http}/readyz`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const ended = calls()
  return async () => {
    stopped = true
    await ended
    client.close()
  }
}

function hostOf({ metrics }: RunningGateway): string {
  return new URL(metrics).host
}
