import type { Alert } from '../../alert.ts'
import { factsOf } from '../alert-facts.ts'
import type { Format } from './format.ts'

/** Data that sets one alert apart from another. What changes while an alert holds must not be a label. */
const LABELS = ['budget', 'scope', 'subject', 'window', 'threshold', 'provider', 'model', 'key_id', 'reason']
/** How long a test alert holds, in ms. */
const TEST_TIME = 60_000

/**
 * Alerts as Prometheus sends them, https://prometheus.io/docs/alerting/latest/alerts_api. An alert without an end is
 * over five minutes after its last repetition, so it is repeated for as long as it holds.
 */
export const alertmanager: Format = {
  takesResolved: true,
  needsRepeats: true,
  requestOf({ alert, resolvedAt }) {
    const endsAt = resolvedAt ?? alert.endsAt ?? (alert.event === 'test' ? alert.time + TEST_TIME : undefined)
    const posted = {
      labels: labelsOf(alert),
      annotations: {
        summary: alert.summary,
        description: factsOf(alert)
          .map(([name, value]) => `${name}: ${value}`)
          .join('\n'),
      },
      startsAt: new Date(alert.time).toISOString(),
      ...(endsAt !== undefined && { endsAt: new Date(endsAt).toISOString() }),
    }
    return { body: JSON.stringify([posted]) }
  },
}

/** The name of an event's alerts, as in deploy/prometheus/alerts.yml: `LlmGatewayBudgetExceeded`. */
export function alertName(event: string): string {
  const words = event.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return `LlmGateway${words.join('')}`
}

function labelsOf({ event, severity, data }: Alert): Readonly<Record<string, string>> {
  const facts = LABELS.flatMap((name) => {
    const value = data[name] ?? ''
    return value === '' ? [] : [[name, String(value)] as const]
  })
  return { alertname: alertName(event), severity, event, ...Object.fromEntries(facts) }
}
