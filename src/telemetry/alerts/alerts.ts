import type { Clock } from '../../domain/clock.ts'
import type { AlertBook } from '../../domain/ports/money/ledger-books.ts'
import type { AlertTest } from '../../domain/ports/operations/alert-test.ts'
import type { HttpPost } from '../../domain/ports/operations/http-post.ts'
import type { OperatorEventSubscriber } from '../../domain/ports/operations/operator-events.ts'
import type { Log } from '../log/log.ts'
import { instruments } from '../metrics/instruments.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { Notifier } from './notifier.ts'
import { operatorAlerts } from './operator-alerts.ts'
import { emailReceiver } from './receivers/email.ts'
import { logReceiver } from './receivers/log-receiver.ts'
import type { Receiver } from './receivers/receiver.ts'
import { webhookReceiver } from './receivers/webhook.ts'
import { type AlertSettings, alertEvents, type WebhookSettings } from './settings.ts'

export interface AlertsOptions {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly log: Log
  readonly metrics: Metrics
  readonly settings: AlertSettings
  readonly post: HttpPost
  /** Shared by the replicas; undefined when there is none. */
  readonly book: AlertBook | undefined
}

export interface Alerts extends AlertTest {
  /** Raises alerts as events come. */
  readonly events: OperatorEventSubscriber
  /** Tries to send what waits, for `time` ms at most, and ends. */
  close(time: number): Promise<void>
}

/** Makes what sends alerts to the log and to the configured receivers. */
export async function createAlerts(options: AlertsOptions): Promise<Alerts> {
  const { clock, random, log, metrics, settings, post, book } = options
  const now = () => clock.wall()
  const names = receiverNames(settings.webhooks)
  const receivers: readonly Receiver[] = [
    logReceiver(log),
    ...settings.webhooks.map((webhook, at) => webhookReceiver(names[at] ?? webhook.format, webhook, { post, now })),
    ...(settings.email ? [await emailReceiver(settings.email)] : []),
  ]
  // From the start: a rate over a counter that does not exist yet misses its first increment.
  for (const event of alertEvents) metrics.counter(instruments.alerts, { event, receiver: 'log', outcome: 'sent' })
  const notifier = new Notifier({
    clock,
    random,
    log,
    receivers,
    book,
    count: (event, receiver, outcome) => {
      metrics.counter(instruments.alerts, { event, receiver, outcome }).value++
    },
  })
  return {
    events: operatorAlerts({ notifier, now, thresholds: settings.thresholds, errorRatio: settings.errorRate.ratio }),
    test: () => notifier.test(),
    close: (time) => notifier.close(time),
  }
}

/** The format, with a number from the second webhook of a format on: `slack`, `slack_2`. */
function receiverNames(webhooks: readonly WebhookSettings[]): readonly string[] {
  const counts = new Map<string, number>()
  return webhooks.map(({ format }) => {
    const count = (counts.get(format) ?? 0) + 1
    counts.set(format, count)
    return count === 1 ? format : `${format}_${count}`
  })
}
