import type { Notice } from '../../alert.ts'
import type { Format } from './format.ts'

/** Most characters of a summary. */
const MAX_SUMMARY = 1024

/** Events API v2, https://developer.pagerduty.com/docs/events-api-v2-overview */
export const pagerduty: Format = {
  takesResolved: true,
  requestOf(notice, { routingKey }) {
    const { alert, resolvedAt } = notice
    const event = { routing_key: routingKey, dedup_key: alert.id }
    if (resolvedAt !== undefined) return { body: JSON.stringify({ ...event, event_action: 'resolve' }) }
    return { body: JSON.stringify({ ...event, event_action: 'trigger', payload: payloadOf(notice) }) }
  },
}

function payloadOf({ alert }: Notice) {
  return {
    summary: alert.summary.slice(0, MAX_SUMMARY),
    source: 'llm-gateway',
    severity: alert.severity,
    timestamp: new Date(alert.time).toISOString(),
    component: alert.subject,
    class: alert.event,
    custom_details: alert.data,
  }
}
