import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import type { MetricProducer } from '@opentelemetry/sdk-metrics'
import { isForeignOrigin, isPrivateHost } from '../../domain/text/web-origin.ts'
import { gatewayResource } from '../tracing/resource.ts'
import { boundConnections } from './page-connections.ts'

export interface MetricsPage {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

export interface MetricsPageOptions {
  readonly producer: MetricProducer
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly version: string
  /** Names that are answered beside private ones. */
  readonly hosts?: readonly string[]
  /** Origins whose scripts may read it. */
  readonly corsOrigins?: readonly string[]
}

/** Time after which an idle connection is closed, in ms. */
const IDLE_TIMEOUT = 60_000

/**
 * Serves the metrics at `/metrics` for Prometheus. Resolves when it listens, rejects when it cannot.
 *
 * Uses only the serializer of the SDK's exporter, whose own server cannot report which free port it took.
 */
export async function serveMetrics(options: MetricsPageOptions): Promise<MetricsPage> {
  const { producer, host, port, version, hosts, corsOrigins } = options
  const serializer = new PrometheusSerializer('', false, undefined, false, true)
  const resource = gatewayResource(version)
  const page = async () => {
    const { resourceMetrics } = await producer.collect()
    return serializer.serialize({ ...resourceMetrics, resource })
  }
  const timeouts = { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: IDLE_TIMEOUT }
  const server = createServer({ ...timeouts, connectionsCheckingInterval: 1000 }, (request, response) => {
    const { host: name = '', origin } = request.headers
    if (!isPrivateHost(name, hosts) || isForeignOrigin(origin, name, corsOrigins)) response.writeHead(403).end()
    else void answer(request, response, page)
  })
  boundConnections(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address()
  return {
    host,
    port: typeof bound === 'object' && bound ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, page: () => Promise<string>): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  if (path !== '/metrics') {
    response.writeHead(404).end()
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
  } else {
    try {
      const text = await page()
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
    } catch {
      response.writeHead(500).end()
    }
  }
}
