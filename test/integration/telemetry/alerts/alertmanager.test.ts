import { afterEach, beforeEach, expect } from 'vitest'
import { systemClock } from '../../../../src/domain/clock.ts'
import { createHttpClient, type HttpClient } from '../../../../src/providers/http/http-client.ts'
import { createHttpPost } from '../../../../src/providers/http/http-post.ts'
import type { Alert } from '../../../../src/telemetry/alerts/alert.ts'
import { webhookReceiver } from '../../../../src/telemetry/alerts/receivers/webhook.ts'
import { type Alertmanager, startAlertmanager, test } from '../../../support/alertmanager.ts'
import { eventually } from '../../../support/eventually.ts'
import { json, startUpstream, type UpstreamServer } from '../../../support/upstream-server.ts'

const HOUR = 3_600_000

let hook: UpstreamServer
let alertmanager: Alertmanager
let client: HttpClient

beforeEach(async () => {
  hook = await startUpstream(json({}))
  alertmanager = await startAlertmanager(hook.url)
  client = createHttpClient({ clock: systemClock, connectTimeout: 20_000, proxy: {} })
})

afterEach(async () => {
  await client.close()
  alertmanager.close()
  await hook.close()
})

const alertAt = (threshold: number): Alert => {
  const time = Date.now()
  return {
    id: `alert_${threshold}`,
    event: 'budget_threshold',
    severity: 'warning',
    time,
    subject: 'web/ann “ö” \\ {x="y"}\n',
    summary: 'A part of the budget users of web/ann is spent',
    data: {
      budget: 'users',
      scope: 'user',
      subject: 'web/ann “ö” \\ {x="y"}\n',
      window: 'day',
      threshold,
      spent_usd: 1.62,
      limit_usd: 2,
      resets_at: new Date(time + HOUR).toISOString(),
    },
    endsAt: time + HOUR,
  }
}

/** What Alertmanager has sent on, as statuses with thresholds. */
function notified(): readonly string[] {
  return hook.hits.flatMap(({ json }) => {
    const { alerts } = json as { alerts: { status: string; labels: Record<string, string> }[] } // Its own format.
    return alerts.map(({ status, labels }) => `${status} ${labels['threshold']}`)
  })
}

test('Alertmanager takes alerts, keeps each once however often it comes, and resolves it', async () => {
  const receiver = webhookReceiver(
    'alertmanager',
    { format: 'alertmanager', url: `${alertmanager.url}/api/v2/alerts`, signingKeys: [], events: [] },
    { post: createHttpPost(client, systemClock, 20_000), now: () => Date.now() },
  )
  const [half, most] = [alertAt(0.5), alertAt(0.8)]
  for (const alert of [half, most, most, most]) {
    expect(await receiver.deliver({ alert })).toEqual({ ok: true, message: 'HTTP 200' })
  }
  const shown = await alertmanager.alerts()
  expect(shown.map(({ labels }) => labels['threshold']).toSorted()).toEqual(['0.5', '0.8'])
  const { labels, annotations, endsAt } = shown.find((alert) => alert.labels['threshold'] === '0.8') ?? shown[0] ?? {}
  expect(labels).toEqual({
    alertname: 'LlmGatewayBudgetThreshold',
    severity: 'warning',
    event: 'budget_threshold',
    budget: 'users',
    scope: 'user',
    subject: most.subject,
    window: 'day',
    threshold: '0.8',
  })
  expect(annotations?.['summary']).toBe(most.summary)
  expect(Date.parse(endsAt ?? '')).toBe(most.endsAt)
  await eventually(() => expect(notified().toSorted()).toEqual(['firing 0.5', 'firing 0.8']))

  expect(await receiver.deliver({ alert: most, resolvedAt: Date.now() })).toMatchObject({ ok: true })
  await eventually(() => expect(notified()).toContain('resolved 0.8'))
  expect((await alertmanager.alerts()).map(({ labels }) => labels['threshold'])).toEqual(['0.5'])
})
