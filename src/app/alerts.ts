import type { Config } from '../config/config.ts'
import type { AlertBook } from '../domain/ports/money/ledger-books.ts'
import { createHttpClient } from '../providers/http/http-client.ts'
import { createHttpPost } from '../providers/http/http-post.ts'
import { LayeredAlertBook } from '../stores/alerts/layered-alert-book.ts'
import { RedisAlertBook } from '../stores/alerts/redis-alert-book.ts'
import { type Alerts, createAlerts } from '../telemetry/alerts/alerts.ts'
import type { ErrorRates } from '../telemetry/alerts/error-rates.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import type { Environment, Parts } from './build.ts'

/** Limits for a connection to a webhook, and for the whole request, in ms. */
const CONNECT_TIMEOUT = 5_000
const POST_TIMEOUT = 10_000

export interface AlertsOptions extends Pick<Environment, 'clock' | 'log'> {
  readonly metrics: Metrics
  readonly errorRates: ErrorRates
}

/** Makes what sends alerts, and lets it hear of the parts' events. */
export async function startAlerts(config: Config, parts: Parts, options: AlertsOptions): Promise<Alerts> {
  const { clock, log, metrics, errorRates } = options
  const { events, redis, ledger } = parts
  const client = createHttpClient({ clock, connectTimeout: CONNECT_TIMEOUT, proxy: config.proxy })
  const alerts = await createAlerts({
    clock,
    random: Math.random,
    log,
    metrics,
    settings: config.alerts,
    post: createHttpPost(client, clock, POST_TIMEOUT),
    book: alertBook(parts, clock),
  })
  events.subscribe(alerts.events)
  // Reported before anybody could hear it.
  if (redis && !redis.available) alerts.events.sharedStoreChanged?.(redis.state())
  if (ledger && !ledger.state().healthy) alerts.events.ledgerChanged?.(ledger.state())
  return {
    ...alerts,
    async close(time) {
      errorRates.close()
      await alerts.close(time)
      await client.close()
    },
  }
}

/** Where the replicas agree on who sends an alert; undefined when they share nothing. */
function alertBook({ redis, ledger }: Parts, clock: Environment['clock']): AlertBook | undefined {
  const inRedis = redis && new RedisAlertBook(redis, clock)
  const inLedger = ledger?.books
  return inRedis && inLedger ? new LayeredAlertBook(inRedis, inLedger) : (inRedis ?? inLedger)
}
