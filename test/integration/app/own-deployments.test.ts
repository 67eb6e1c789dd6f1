import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'

/*
 * A gateway that asks nobody who calls answers only for private host names. These are the names by which clients in the
 * deployments of deploy/ call it.
 */

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const compose = z
  .object({
    services: z.object({
      gateway: z.object({ environment: z.record(z.string(), z.string()), ports: z.array(z.string()) }),
    }),
  })
  .parse(parse(read('deploy/compose.yaml')))
const prometheus = z
  .object({
    scrape_configs: z.array(z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) })),
  })
  .parse(parse(read('deploy/prometheus/prometheus.yml')))

let gateway: RunningGateway

beforeAll(async () => {
  const { REDIS_URL: _notStarted, ...environment } = compose.services.gateway.environment
  gateway = await startGateway({ yaml: read('docs/examples/development.yaml'), env: environment })
})
afterAll(() => gateway.close())

/** The status of the answer to a request that names this host. */
function statusOf(url: string, host: string, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { host, ...(method === 'POST' && { 'content-type': 'application/json' }) }
    const sent = request(url, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end(method === 'POST' ? '{}' : undefined)
  })
}

const stats = (host: string) => statusOf(`${gateway.http}/llmgateway.v1.LlmGateway/Stats`, host, 'POST')

describe('with authentication off, as in the Compose file', () => {
  test('that is what it says', () => {
    expect(compose.services.gateway.environment['LLM_GATEWAY_AUTH']).toBe('none')
  })

  test('the ports that it publishes are reached by their addresses', async () => {
    const hosts = compose.services.gateway.ports.map((published) => published.replace(/:\d+$/, ''))
    expect(hosts).toHaveLength(3)
    for (const host of hosts) {
      expect(await stats(host)).toBe(200)
      expect(await stats(host.replace('127.0.0.1', 'localhost'))).toBe(200)
    }
  })

  test('its neighbours reach it by the name of its service', async () => {
    expect(await stats('gateway:8080')).toBe(200)
  })

  test('Prometheus reads the metrics by the targets of its configuration', async () => {
    const targets = prometheus.scrape_configs.flatMap(({ static_configs }) => static_configs.flatMap((c) => c.targets))
    expect(targets).toEqual(['gateway:9464'])
    for (const target of targets) expect(await statusOf(gateway.metrics, target)).toBe(200)
  })

  test.each([
    'llm-gateway:8080',
    'llm-gateway.default.svc:8080',
    'llm-gateway.default.svc.cluster.local:8080',
    '10.244.0.7:8080',
    '[fd00::7]:8080',
  ])('in Kubernetes it is reached as %s', async (host) => {
    expect(await stats(host)).toBe(200)
  })

  test('in Kubernetes Prometheus reads the metrics of a pod by its address', async () => {
    expect(await statusOf(gateway.metrics, '10.244.0.7:9464')).toBe(200)
  })

  test('a name of the internet is refused, and probes are answered', async () => {
    expect(await stats('evil.example')).toBe(403)
    expect(await statusOf(gateway.metrics, 'evil.example')).toBe(403)
    expect(await statusOf(`${gateway.http}/healthz`, 'evil.example')).toBe(200)
  })
})
