import { afterEach, expect, test } from 'vitest'
import { chat, type ServerName } from '../../support/client.ts'
import { Collector } from '../../support/collector.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* What a caller's trace context does: over the sockets of callers, of the vendor and of the collector. */

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SAMPLED = { metadata: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` } }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface World {
  readonly upstream: UpstreamServer
  readonly collector: Collector
  readonly servers: readonly ServerName[]
  /** Ends the gateway, which sends the rest of its spans. */
  stop(): Promise<void>
}

async function start(telemetry: string): Promise<World> {
  const upstream = await startUpstream(answers('fine'))
  const collector = await Collector.recording()
  const gateway = await startGateway({
    yaml: `
server: { drain: 1s }
telemetry: { otlp_endpoint: "${new URL(collector.endpoint).origin}", ${telemetry} }
providers: { house: { kind: local, base_url: "${upstream.url}", default_model: m } }
`,
  })
  const servers = [new GrpcClient(gateway.grpc), new ConnectClient(gateway.http)]
  ends.push(
    () => upstream.close(),
    () => collector.close(),
    () => gateway.close(),
    () => servers.map((server) => server.close()),
  )
  const stop = async () => {
    gateway.signal('SIGTERM')
    await gateway.exited
  }
  return { upstream, collector, servers, stop }
}

test('by default a sampled trace of a caller is not exported at a ratio of 0, and no vendor receives its id', async () => {
  const { servers, upstream, collector, stop } = await start('sample_ratio: 0')
  for (const server of servers) await chat(server, {}, SAMPLED)
  await stop()
  expect(collector.spans).toEqual([])
  expect(upstream.hits).toHaveLength(2)
  for (const { headers } of upstream.hits) {
    expect(headers['traceparent']).toBeUndefined()
    expect(JSON.stringify(headers)).not.toContain(TRACE)
  }
})

test('where it is configured, the caller’s flag counts and vendors receive the trace', async () => {
  const { servers, upstream, collector } = await start(
    'sample_ratio: 0, trust_sampled: true, propagate_to_vendors: true',
  )
  for (const server of servers) await chat(server, {}, SAMPLED)
  await eventually(() => expect(collector.spans).toHaveLength(4))
  for (const { traceId } of collector.spans) expect(traceId).toBe(TRACE)
  for (const { headers } of upstream.hits)
    expect(headers['traceparent']).toMatch(new RegExp(`^00-${TRACE}-\\w{16}-01$`))
})

test('a call without a trace of its caller is sampled by the ratio, and stays the gateway’s own', async () => {
  const { servers, upstream, collector } = await start('sample_ratio: 1')
  for (const server of servers) await chat(server, {})
  await eventually(() => expect(collector.spans).toHaveLength(4))
  for (const { headers } of upstream.hits) expect(headers['traceparent']).toBeUndefined()
})
