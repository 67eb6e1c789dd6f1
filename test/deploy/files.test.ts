import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { knownVariables } from '../../src/config/env/known.ts'
import { loadConfig } from '../../src/config/load.ts'
import { kinds } from '../../src/providers/index.ts'
import { type Instrument, instruments } from '../../src/telemetry/metrics/instruments.ts'
import { readManifests } from './manifests.ts'
import { alertQueries, dashboardQueries, metricsIn } from './queries.ts'

/* What is in deploy/ and docs/examples/, held against the gateway itself. `npm run deploy:check` holds it against tools. */

const ROOT = new URL('../../', import.meta.url)
const path = (name: string) => fileURLToPath(new URL(name, ROOT))
const read = (name: string) => readFileSync(path(name), 'utf8')

const manifests = readManifests(path('deploy/kubernetes'))
const secrets = {
  WEB_KEY: 'w'.repeat(32),
  REPORTS_KEY: 'r'.repeat(32),
  OPERATORS_KEY: 'o'.repeat(32),
  OPENAI_API_KEY: 'a',
  ANTHROPIC_API_KEY: 'b',
  LEDGER_URL: 'postgres://ledger:password@postgres/ledger',
}
const readFile = () => '-----BEGIN CERTIFICATE-----'

it.each(['simulator', 'development', 'production'])('a gateway starts with docs/examples/%s.yaml', (name) => {
  const { problems, unenforced, config } = loadConfig({
    file: read(`docs/examples/${name}.yaml`),
    env: secrets,
    readFile,
  })
  expect({ problems, unenforced }).toEqual({ problems: [], unenforced: [] })
  expect(config?.models.map((alias) => alias.name)).toContain('default')
})

it('without authentication the example for developers serves this machine only', () => {
  const { config } = loadConfig({ file: read('docs/examples/development.yaml'), env: {} })
  expect(config?.server.grpc.host).toBe('127.0.0.1')
})

it('a gateway starts with what Kubernetes gives it once the secrets are filled in, and not before', () => {
  const { 'gateway.yaml': file } = textsOf('ConfigMap llm-gateway', 'data')
  const empty = textsOf('Secret llm-gateway', 'stringData')
  const keys = Object.fromEntries(Object.keys(empty).map((name) => [name, name.repeat(4)]))
  const filled = { ...keys, LEDGER_URL: secrets.LEDGER_URL }
  expect(loadConfig({ file, env: filled }).config?.server.grpc).toEqual({ host: '0.0.0.0', port: 50_051 })
  expect(loadConfig({ file, env: empty }).problems).toHaveLength(Object.keys(empty).length)
})

it('kubelets probe the port for health, which is on', () => {
  const text = JSON.stringify(manifests.get('Deployment llm-gateway'))
  expect(text.match(/"grpc":\{"port":8081/g)).toHaveLength(3)
  const [, address] = /"name":"LLM_GATEWAY_HEALTH_ADDRESS","value":"([^"]*)"/.exec(text) ?? []
  const { 'gateway.yaml': file } = textsOf('ConfigMap llm-gateway', 'data')
  const { config } = loadConfig({ file, env: { ...secrets, LLM_GATEWAY_HEALTH_ADDRESS: address } })
  expect(config?.server.health).toEqual({ host: '0.0.0.0', port: 8081 })
})

it('with the ledger on a volume one replica starts, without a database', () => {
  const own = readManifests(path('deploy/kubernetes/sqlite'))
  const { 'gateway.yaml': file } = textsOf('ConfigMap llm-gateway', 'data', own)
  const env = { ...secrets, LLM_GATEWAY_LEDGER_FOLDER: '/var/lib/llm-gateway' }
  expect(loadConfig({ file, env }).config?.ledger?.store).toEqual({
    kind: 'sqlite',
    path: '/var/lib/llm-gateway/ledger.sqlite',
  })
  expect(own.get('StatefulSet llm-gateway')).toMatchObject({ spec: { replicas: 1 } })
})

function textsOf(manifest: string, field: string, from = manifests): Readonly<Record<string, string>> {
  const texts = from.get(manifest)?.[field]
  if (typeof texts !== 'object' || texts === null) throw new Error(`${manifest} has no ${field}`)
  return Object.fromEntries(Object.entries(texts))
}

it('env.example names variables that have an effect, and a gateway starts with all of them', () => {
  const lines = read('env.example').split('\n')
  const assignments = lines.flatMap((line) => /^#?([A-Z][A-Z_0-9]*=.*)$/.exec(line)?.[1] ?? [])
  const known = knownVariables(kinds)
  expect(assignments.length).toBeGreaterThan(20)
  expect(assignments.map((line) => line.split('=')[0]).filter((name) => !known.includes(name ?? ''))).toEqual([])
  expect(lines.filter((line) => line !== '' && !/^# |^#?[A-Z][A-Z_0-9]*=/.test(line))).toEqual([])
  const own = { OPENAI_API_KEY: 'a', ANTHROPIC_API_KEY: 'b', GROQ_API_KEY: 'c' }
  const { problems, notices } = loadConfig({ dotenv: assignments.join('\n'), env: own })
  expect(problems).toEqual([])
  expect(notices.filter((text) => !/authentication|^tasks: without a route/.test(text))).toEqual([])
})

it('every version is that of the package', () => {
  const { version }: { version: string } = JSON.parse(read('package.json'))
  const chart: { version: string; appVersion: string } = parse(read('deploy/helm/llm-gateway/Chart.yaml'))
  expect(chart).toMatchObject({ version, appVersion: version })
  expect(read('deploy/kubernetes/deployment.yaml')).toContain(`image: llm-gateway:${version}\n`)
  expect(read('deploy/kubernetes/sqlite/statefulset.yaml')).toContain(`image: llm-gateway:${version}\n`)
  expect(read('deploy/compose.yaml')).toContain(`image: llm-gateway:${version}\n`)
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## ${version.replaceAll('.', '\\.')}\\b`, 'm'))
})

const queries = [
  ...dashboardQueries(path('deploy/grafana/dashboards/llm-gateway.json')),
  ...alertQueries(path('deploy/prometheus/alerts.yml')),
]

it('dashboard and alerts ask for metrics that there are', () => {
  const page = new Set(['up', ...Object.values(instruments).flatMap(seriesOf)])
  const asked = queries.flatMap(metricsIn)
  expect(new Set(asked).size).toBeGreaterThan(20)
  expect(asked.filter((name) => !page.has(name))).toEqual([])
})

function seriesOf({ name, kind }: Instrument): readonly string[] {
  const base = name.replaceAll('.', '_')
  return kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => `${base}${suffix}`) : [base]
}

it('docs/deployment.md says what each alert means, and the tests of the rules make each one fire', () => {
  const alerts = alertQueries(path('deploy/prometheus/alerts.yml')).map(({ name }) => name)
  const documented = [...read('docs/deployment.md').matchAll(/^\| `(LlmGateway\w+)` \|/gm)].map(([, name]) => name)
  expect(documented).toEqual(alerts)
  const tests = read('test/deploy/alerts.test.yaml')
  expect(alerts.filter((name) => !tests.includes(name))).toEqual([])
})
