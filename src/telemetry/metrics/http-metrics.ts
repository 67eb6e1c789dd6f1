import { other } from '../names.ts'
import { instruments } from './instruments.ts'
import type { Counter, Histogram, Metrics } from './metrics.ts'

/**
 * Counts one request to the HTTP server. `route` is the template that served it, not the requested path; `status` is the
 * HTTP status; the time is in s.
 */
export type RecordHttp = (method: string, route: string, status: number, seconds: number) => void

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Upper bound of labels, in case a path is passed in place of a template. */
const MAX_ROUTES = 100

interface RouteSeries {
  readonly statuses: Map<number, Counter>
  readonly duration: Histogram
}

export function createHttpMetrics(metrics: Metrics): RecordHttp {
  const routes = new Map<string, Map<string, RouteSeries>>()
  return (method, route, status, seconds) => {
    const known = methods.has(method) ? method : other
    const name = routes.has(route) || routes.size < MAX_ROUTES ? route : other
    let series = routes.get(name)
    if (!series) {
      series = new Map()
      routes.set(name, series)
    }
    let counted = series.get(known)
    if (!counted) {
      const duration = metrics.histogram(instruments.httpRequestDuration, { method: known, route: name })
      counted = { statuses: new Map(), duration }
      series.set(known, counted)
    }
    let requests = counted.statuses.get(status)
    if (!requests) {
      const labels = { method: known, route: name, status: String(status) }
      requests = metrics.counter(instruments.httpRequests, labels)
      counted.statuses.set(status, requests)
    }
    requests.value++
    counted.duration.record(seconds)
  }
}
