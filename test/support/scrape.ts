import type { MetricProducer } from '@opentelemetry/sdk-metrics'
import { serveMetrics } from '../../src/telemetry/metrics/prometheus.ts'

/** What Prometheus would read, over HTTP. */
export async function scrape(producer: MetricProducer): Promise<string> {
  const page = await serveMetrics({ producer, host: '127.0.0.1', port: 0, version: '1.2.3' })
  try {
    const response = await fetch(`http://127.0.0.1:${page.port}/metrics`)
    return await response.text()
  } finally {
    await page.close()
  }
}

/** The lines of one sample or of all samples of a metric, without its comments. */
export function samples(page: string, start: string): string[] {
  return page.split('\n').filter((line) => line.startsWith(start))
}
