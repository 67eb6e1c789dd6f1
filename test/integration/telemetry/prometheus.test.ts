import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import { serveMetrics } from '../../../src/telemetry/metrics/prometheus.ts'
import { samples, scrape } from '../../support/scrape.ts'
import { provider, usage, world } from '../../support/telemetry-world.ts'

const timeout = new GatewayError('UPSTREAM_TIMEOUT', 'Too slow.')

async function busyWorld() {
  const busy = world()
  await busy.run({
    operation: 'stream_chat',
    overhead: 2,
    attempts: [
      { target: 'one/small', error: timeout, firstEvent: 30 },
      { target: 'two/small', firstEvent: 50, rest: 900, usage: usage(100, 10), usd: 0.25 },
    ],
  })
  busy.telemetry.recordHttp('POST', '/llmgateway.v1.LlmGateway/Chat', 200, 0.03)
  return busy
}

describe('the Prometheus page', () => {
  test('has every promised name', async () => {
    const { telemetry } = await busyWorld()
    const page = await scrape(telemetry.metrics)
    const names = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    expect(names).toEqual(
      expect.arrayContaining([
        'llm_requests_total counter',
        'llm_request_duration_seconds histogram',
        'llm_tokens_total counter',
        'llm_cost_total counter',
        'active_connections gauge',
        'error_rate_total counter',
        'http_requests_total counter',
        'http_request_duration_seconds histogram',
        'llm_gateway_requests_total counter',
        'llm_gateway_latency_seconds histogram',
        'llm_gateway_errors_total counter',
        'llm_gateway_fallbacks_total counter',
        'llm_gateway_attempts_total counter',
        'llm_gateway_active_calls gauge',
        'llm_gateway_overhead_seconds histogram',
        'gen_ai_client_token_usage histogram',
        'gen_ai_server_request_duration histogram',
        'gen_ai_server_time_to_first_token histogram',
        'gen_ai_server_time_per_output_token histogram',
      ]),
    )
  })

  test('counts responses of models without a price', async () => {
    const { run, telemetry } = world()
    const unpriced = { target: 'one/small', usage: usage(5, 5), unpriced: true }
    await run({ attempts: [unpriced] })
    await run({ attempts: [unpriced] })
    await run({ attempts: [{ target: 'two/small', usage: usage(5, 5) }] })
    expect(samples(await scrape(telemetry.metrics), 'llm_gateway_price_missing_total')).toEqual([
      'llm_gateway_price_missing_total{provider="one",model="small"} 2',
    ])
  })

  test('counts one call that fell back', async () => {
    const { telemetry } = await busyWorld()
    const page = await scrape(telemetry.metrics)
    for (const sample of [
      'llm_requests_total{operation="stream_chat",provider="two",model="small",status="OK"} 1',
      'llm_tokens_total{provider="two",model="small",type="input"} 100',
      'llm_tokens_total{provider="two",model="small",type="output"} 10',
      'llm_cost_total{provider="two",model="small"} 0.25',
      'active_connections 0',
      'error_rate_total 0',
      'llm_gateway_fallbacks_total 1',
      'llm_gateway_requests_total{provider="two",model="small"} 1',
      'llm_gateway_attempts_total{provider="one",model="small",outcome="failed",reason="UPSTREAM_TIMEOUT"} 1',
      'llm_gateway_attempts_total{provider="two",model="small",outcome="ok"} 1',
      'llm_gateway_latency_seconds_bucket{provider="two",cached="false",le="0.64"} 0',
      'llm_gateway_latency_seconds_bucket{provider="two",cached="false",le="1.28"} 1',
      'llm_gateway_overhead_seconds_sum{operation="stream_chat"} 0.004',
      'gen_ai_server_time_to_first_token_sum{gen_ai_operation_name="chat",gen_ai_provider_name="two",gen_ai_request_model="small"} 0.05',
      'gen_ai_server_time_per_output_token_sum{gen_ai_operation_name="chat",gen_ai_provider_name="two",gen_ai_request_model="small"} 0.1',
      'gen_ai_server_request_duration_sum{gen_ai_operation_name="chat",gen_ai_provider_name="two",gen_ai_request_model="small"} 0.95',
      'gen_ai_server_request_duration_sum{gen_ai_operation_name="chat",gen_ai_provider_name="one",gen_ai_request_model="small",error_type="UPSTREAM_TIMEOUT"} 0.03',
      'http_requests_total{method="POST",route="/llmgateway.v1.LlmGateway/Chat",status="200"} 1',
    ]) {
      expect(page.split('\n')).toContain(sample)
    }
  })

  test('counts a target that was passed over once, wherever that was found out, and not as a request', async () => {
    const { telemetry, run, stats } = world()
    const unsupported = new GatewayError('UNSUPPORTED', 'Not with this model.')
    await run({ attempts: [{ target: 'one/small', skipped: true }] })
    await run({ attempts: [{ target: 'one/large', error: unsupported }] })
    expect(samples(await scrape(telemetry.metrics), 'llm_gateway_attempts_total')).toEqual([
      'llm_gateway_attempts_total{provider="one",model="small",outcome="skipped",reason="UNSUPPORTED"} 1',
      'llm_gateway_attempts_total{provider="one",model="large",outcome="skipped",reason="UNSUPPORTED"} 1',
    ])
    expect(stats().providers['one']?.requests).toBe(0n)
  })

  test('has the own time of a unary call to its end, and no time to a first token', async () => {
    const { telemetry, run } = world()
    await run({ overhead: 3, attempts: [{ target: 'one/small', firstEvent: 40, rest: 60, usage: usage(1, 9) }] })
    const page = await scrape(telemetry.metrics)
    expect(page).toContain('llm_gateway_overhead_seconds_sum{operation="chat"} 0.003')
    expect(samples(page, 'gen_ai_server_time')).toEqual([])
  })

  test('shows calls that are under way', async () => {
    const { telemetry, run } = world()
    let meanwhile = ''
    const look = async () => {
      meanwhile = await scrape(telemetry.metrics)
    }
    await run({ operation: 'embed', during: look, attempts: [{ target: 'one/small' }] })
    for (const name of ['active_connections', 'llm_gateway_active_calls{operation="embed"}']) {
      expect(samples(meanwhile, `${name} `)).toEqual([`${name} 1`])
      expect(samples(await scrape(telemetry.metrics), `${name} `)).toEqual([`${name} 0`])
    }
  })

  test('counts a value at a boundary below it', async () => {
    const { telemetry, run } = world()
    await run({ attempts: [{ target: 'one/small', usage: usage(16, undefined) }] })
    const page = await scrape(telemetry.metrics)
    const bucket = (le: string) =>
      samples(page, 'gen_ai_client_token_usage_bucket').find((line) => line.includes(`le="${le}"`))
    expect(bucket('4')).toMatch(/ 0$/)
    expect(bucket('16')).toMatch(/ 1$/)
  })

  test('has the buckets of the GenAI conventions', async () => {
    const { telemetry } = await busyWorld()
    const page = await scrape(telemetry.metrics)
    const buckets = (name: string) => {
      const first = samples(page, `${name}_bucket`)[0]?.replace(/,?le=.*/, '') ?? 'none'
      return samples(page, first).flatMap((line) => /le="(.+?)"/.exec(line)?.[1] ?? [])
    }
    expect(buckets('gen_ai_client_token_usage').join(' ')).toBe(
      '1 4 16 64 256 1024 4096 16384 65536 262144 1048576 4194304 16777216 67108864 +Inf',
    )
    expect(buckets('gen_ai_server_request_duration').join(' ')).toBe(
      '0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92 +Inf',
    )
    expect(buckets('gen_ai_server_time_to_first_token').join(' ')).toBe(
      '0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf',
    )
    expect(buckets('gen_ai_server_time_per_output_token').join(' ')).toBe(
      '0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1 2.5 +Inf',
    )
  })

  test.skipIf(spawnSync('promtool', ['--version']).status !== 0)('passes promtool check metrics', async () => {
    const { telemetry } = await busyWorld()
    const page = await scrape(telemetry.metrics)
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('shows two gateways in one process apart', async () => {
    const [busy, idle] = [await busyWorld(), world()]
    expect(samples(await scrape(busy.telemetry.metrics), 'llm_requests_total')).toHaveLength(1)
    expect(samples(await scrape(idle.telemetry.metrics), 'llm_requests_total')).toHaveLength(0)
  })

  test('is at /metrics only, for reading only', async () => {
    const page = await serveMetrics({ producer: world().telemetry.metrics, host: '127.0.0.1', port: 0, version: '1' })
    const at = `http://127.0.0.1:${page.port}`
    expect((await fetch(at)).status).toBe(404)
    expect((await fetch(`${at}/metrics`, { method: 'POST' })).status).toBe(405)
    const response = await fetch(`${at}/metrics?x=1`)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toContain('target_info{service_name="llm-gateway",service_version="1"} 1')
    await page.close()
    await expect(fetch(at)).rejects.toThrow('fetch failed')
  })

  test('says when its port is taken', async () => {
    const { metrics } = world().telemetry
    const page = await serveMetrics({ producer: metrics, host: '127.0.0.1', port: 0, version: '1' })
    const again = serveMetrics({ producer: metrics, host: '127.0.0.1', port: page.port, version: '1' })
    await expect(again).rejects.toThrow('EADDRINUSE')
    await page.close()
  })
})

describe('labels', () => {
  test('do not grow with models that callers invent', async () => {
    const { telemetry, run, stats } = world({ level: 'error' })
    const missing = new GatewayError('UPSTREAM_MODEL_MISSING', 'No such model.')
    for (let n = 0; n < 1000; n++) await run({ attempts: [{ target: `one/invented-${n}`, error: missing }] })
    expect(samples(await scrape(telemetry.metrics), 'llm_gateway_requests_total')).toEqual([
      'llm_gateway_requests_total{provider="none",model="none"} 0',
      'llm_gateway_requests_total{provider="one",model="other"} 1000',
    ])
    expect(Object.keys(stats().models)).toEqual(['other'])
  })

  test('stop at 1,000 models when 100,000 answer', async () => {
    const { telemetry, run, stats } = world({ level: 'error' })
    for (let n = 0; n < 100_000; n++) await run({ attempts: [{ target: `one/m${n}`, usage: usage(1, 1) }] })
    const lines = samples(await scrape(telemetry.metrics), 'llm_gateway_requests_total')
    expect(lines).toHaveLength(1002)
    expect(lines.at(-1)).toBe('llm_gateway_requests_total{provider="one",model="other"} 99000')
    expect(Object.keys(stats().models)).toHaveLength(1001)
    expect(stats().models['other']?.requests).toBe(99_000n)
    expect(stats().providers['one']?.requests).toBe(100_000n)
  })

  test('name configured targets even when these have never answered', async () => {
    const { telemetry, run } = world({ targets: ['two/renamed/model'] })
    await run({ attempts: [{ target: 'two/renamed/model', error: timeout }] })
    const page = await scrape(telemetry.metrics)
    expect(page).toContain('llm_gateway_requests_total{provider="two",model="renamed/model"} 1')
  })

  test('of the GenAI conventions use the vendor’s name there, one series for all its providers', async () => {
    const providers = ['one', 'two'].map((name) => ({ ...provider(name), genAiName: 'gcp.gemini' }))
    const { telemetry, run } = world({ providers })
    await run({ attempts: [{ target: 'one/small' }] })
    await run({ operation: 'stream_chat', attempts: [{ target: 'two/small' }] })
    expect(samples(await scrape(telemetry.metrics), 'gen_ai_server_request_duration_count')).toEqual([
      'gen_ai_server_request_duration_count{gen_ai_operation_name="chat",gen_ai_provider_name="gcp.gemini",gen_ai_request_model="small"} 2',
    ])
  })

  test('never name a provider that is not configured, nor a caller', async () => {
    const { telemetry, run } = world()
    await run({ request: { userId: 'user-7' }, attempts: [{ target: '__proto__/small', usage: usage(1, 1) }] })
    const page = await scrape(telemetry.metrics)
    expect(page).toContain('llm_gateway_requests_total{provider="other",model="other"} 1')
    expect(page).not.toMatch(/user-7|"web"|__proto__/)
  })

  test('of HTTP requests keep to known methods and a bounded number of routes', async () => {
    const { metrics, recordHttp } = world().telemetry
    for (let n = 0; n < 500; n++) recordHttp('BREW', `/pot/${n}`, 418, 0.001)
    const lines = samples(await scrape(metrics), 'http_requests_total')
    expect(lines).toHaveLength(101)
    expect(lines.at(-1)).toBe('http_requests_total{method="other",route="other",status="418"} 400')
  })
})
