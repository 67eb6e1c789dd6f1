import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import type { MetricProducer } from '@opentelemetry/sdk-metrics'
import { gatewayResource } from '../tracing/resource.ts'

export interface MetricsPage {
  /** Where it listens. */
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

export interface MetricsPageOptions {
  readonly producer: MetricProducer
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly version: string
}

/**
 * Shows the metrics to Prometheus at `/metrics`. Resolves when it listens, rejects when it cannot.
 *
 * The SDK's exporter would bring its own server, which cannot take a free port nor say which one it took; its
 * serializer is what is wanted of it.
 */
export async function serveMetrics({ producer, host, port, version }: MetricsPageOptions): Promise<MetricsPage> {
  const serializer = new PrometheusSerializer('', false, undefined, false, true)
  const resource = gatewayResource(version)
  const page = async () => {
    const { resourceMetrics } = await producer.collect()
    return serializer.serialize({ ...resourceMetrics, resource })
  }
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (request, response) => {
    void answer(request, response, page)
  })
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
