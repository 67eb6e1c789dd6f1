import { trace } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { TelemetryOptions } from '../../../src/telemetry/telemetry.ts'
import { startTracing } from '../../../src/telemetry/tracing/otel.ts'
import { Collector } from '../../support/collector.ts'
import { eventually } from '../../support/eventually.ts'
import { samples, scrape } from '../../support/scrape.ts'
import { usage, world } from '../../support/telemetry-world.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const sampled = { traceparent: `00-${traceId}-${spanId}-01` }
const unsampled = { traceparent: `00-${traceId}-${spanId}-00` }
const answer = { target: 'one/small', usage: usage(3, 4) }

const open: Collector[] = []
afterEach(() => Promise.all(open.splice(0).map((collector) => collector.close())))

async function tracedWorld(kind: 'recording' | 'hanging' | 'refusing', options: Partial<TelemetryOptions> = {}) {
  const collector = await Collector[kind]()
  open.push(collector)
  const { endpoint } = collector
  // A collector that answers may take its time: on a busy machine it does.
  const shutdownTimeout = kind === 'hanging' ? 300 : 100_000
  const tracing = await startTracing({ endpoint, version: '1.2.3', clock: systemClock, shutdownTimeout })
  return { ...world({ tracing, sampleRatio: 1, ...options }), collector, tracing }
}

test('a call and its attempts are one trace that continues the caller’s, without content', async () => {
  const { run, tracing, collector, traceparents, lines } = await tracedWorld('recording', { propagateToVendors: true })
  await run({
    operation: 'stream_chat',
    headers: sampled,
    request: { userId: 'u-1', sessionId: 's-1', labels: { team: 'blue' } },
    attempts: [{ target: 'two/large', error: new GatewayError('UPSTREAM_TIMEOUT', 'Slow.') }, answer],
  })
  await tracing.shutdown()
  const [failed, answered, call] = collector.spans
  expect(collector.spans).toHaveLength(3)
  expect(call).toMatchObject({
    traceId,
    parentSpanId: spanId,
    name: 'llmgateway.v1.LlmGateway/StreamChat',
    kind: 2,
    status: 0,
    attributes: {
      'rpc.system': 'grpc',
      'rpc.service': 'llmgateway.v1.LlmGateway',
      'rpc.method': 'StreamChat',
      'rpc.grpc.status_code': 0,
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'one',
      'gen_ai.request.model': 'small',
      'gen_ai.response.model': 'small-2026',
      'gen_ai.response.id': 'up-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 3,
      'gen_ai.usage.output_tokens': 4,
      'gen_ai.conversation.id': 's-1',
      'user.id': 'u-1',
      'llm_gateway.label.team': 'blue',
    },
  })
  expect(failed).toMatchObject({
    traceId,
    parentSpanId: call?.spanId,
    name: 'chat large',
    kind: 3,
    status: 2,
    attributes: { 'error.type': 'UPSTREAM_TIMEOUT', 'server.address': 'two.example.com', 'server.port': 443 },
  })
  expect(answered).toMatchObject({
    traceId,
    parentSpanId: call?.spanId,
    name: 'chat small',
    status: 0,
    attributes: { 'server.address': 'one.example.com', 'http.response.status_code': 200 },
  })
  expect(traceparents).toEqual([failed, answered].map((span) => `00-${traceId}-${span?.spanId}-01`))
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ trace_id: traceId })
  expect(JSON.stringify(collector.spans)).not.toContain('canary')
})

test('a call that failed says why; only what is not the caller’s fault is an error', async () => {
  const { run, tracing, collector } = await tracedWorld('recording')
  await run({ refusal: new GatewayError('INTERNAL', 'x') })
  await run({ refusal: new GatewayError('UNAUTHENTICATED', 'x') })
  await tracing.shutdown()
  expect(collector.spans).toMatchObject([
    { status: 2, attributes: { 'error.type': 'INTERNAL', 'rpc.grpc.status_code': 13 } },
    { status: 0, attributes: { 'error.type': 'UNAUTHENTICATED', 'rpc.grpc.status_code': 16 } },
  ])
})

test('a caller that is trusted decides whether its call is traced, else the ratio', async () => {
  const { run, tracing, collector, traceparents, lines } = await tracedWorld('recording', {
    sampleRatio: 0.5,
    random: () => 0.5,
    trustSampled: true,
    propagateToVendors: true,
  })
  await run({ attempts: [answer] })
  await run({ headers: unsampled, attempts: [answer] })
  await run({ headers: { traceparent: 'not one' }, attempts: [answer] })
  expect(traceparents).toEqual([undefined, unsampled.traceparent, undefined])
  expect(lines.map((line) => JSON.parse(line).trace_id)).toEqual([undefined, traceId, undefined])
  await run({ headers: sampled, attempts: [answer] })
  await tracing.shutdown()
  expect(collector.spans).toHaveLength(2)
})

test('below the ratio a call without a caller’s trace begins one', async () => {
  const { run, tracing, collector } = await tracedWorld('recording', { sampleRatio: 0.5, random: () => 0.49 })
  await run({ attempts: [answer] })
  await tracing.shutdown()
  expect(collector.spans).toMatchObject([{ name: 'chat small' }, { parentSpanId: '' }])
})

test('by default a caller’s flag traces nothing, and no vendor receives the trace', async () => {
  const { run, tracing, collector, traceparents, lines } = await tracedWorld('recording', { sampleRatio: 0 })
  await run({ headers: sampled, attempts: [answer] })
  await tracing.shutdown()
  expect(collector.spans).toEqual([])
  expect(traceparents).toEqual([undefined])
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ trace_id: traceId })
})

test('by default a caller’s flag keeps nothing from being traced', async () => {
  const { run, tracing, collector, traceparents } = await tracedWorld('recording', { sampleRatio: 1 })
  await run({ headers: unsampled, attempts: [answer] })
  await tracing.shutdown()
  expect(collector.spans).toMatchObject([{ traceId }, { traceId, parentSpanId: spanId }])
  expect(traceparents).toEqual([undefined])
})

test('without a collector the caller’s trace reaches the upstream where that is wanted, as one that is not sampled', async () => {
  const { run, traceparents } = world({ sampleRatio: 1, propagateToVendors: true })
  await run({ headers: sampled, attempts: [answer] })
  expect(traceparents).toEqual([unsampled.traceparent])
})

test('a collector that hangs costs calls nothing, loses counted spans, and does not hold up the end', async () => {
  const { run, tracing, telemetry, collector } = await tracedWorld('hanging', {})
  for (let n = 0; n < 3000; n++) await run({ attempts: [answer] })
  await eventually(() => expect(collector.paths).toContain('/v1/traces'))
  // The collector never answers: that this ends at all is what is tested.
  await tracing.shutdown()
  const [line] = samples(await scrape(telemetry.metrics), 'llm_gateway_spans_dropped_total')
  expect(Number(line?.split(' ')[1])).toBeGreaterThanOrEqual(6000 - 2048 - 512)
})

test('spans that a collector refuses are counted', async () => {
  const { run, tracing } = await tracedWorld('refusing')
  await run({ attempts: [answer] })
  await tracing.shutdown()
  expect(tracing.dropped()).toBe(2)
})

test('two gateways send to their own collectors and nothing global is set', async () => {
  const [one, two] = [await tracedWorld('recording'), await tracedWorld('recording')]
  await one.run({ refusal: new GatewayError('INTERNAL', 'x') })
  await Promise.all([one.tracing.shutdown(), two.tracing.shutdown()])
  expect([one.collector.spans.length, two.collector.spans.length]).toEqual([1, 0])
  expect(trace.getTracer('anybody').startSpan('x').isRecording()).toBe(false)
})
