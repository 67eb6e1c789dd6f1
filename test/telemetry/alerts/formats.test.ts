import { expect, test } from 'vitest'
import type { Alert } from '../../../src/telemetry/alerts/alert.ts'
import { alertmanager } from '../../../src/telemetry/alerts/receivers/formats/alertmanager.ts'
import { discord } from '../../../src/telemetry/alerts/receivers/formats/discord.ts'
import type { Format } from '../../../src/telemetry/alerts/receivers/formats/format.ts'
import { generic } from '../../../src/telemetry/alerts/receivers/formats/generic.ts'
import { pagerduty } from '../../../src/telemetry/alerts/receivers/formats/pagerduty.ts'
import { slack } from '../../../src/telemetry/alerts/receivers/formats/slack.ts'
import { teams } from '../../../src/telemetry/alerts/receivers/formats/teams.ts'
import type { WebhookSettings } from '../../../src/telemetry/alerts/settings.ts'

const TIME = Date.UTC(2026, 10, 29)
/** A caller's name that would do harm where it is taken for markup. */
const subject = 'web/<!channel> *bold* [x](http://evil) @everyone'

const alert: Alert = {
  id: 'alert_1',
  event: 'budget_threshold',
  severity: 'warning',
  time: TIME,
  subject,
  summary: `80 % of the budget users of ${subject} is spent`,
  data: {
    budget: 'users',
    scope: 'user',
    subject,
    window: 'day',
    threshold: 0.8,
    spent_usd: 0.00162,
    limit_usd: 2,
    resets_at: null,
  },
}
const settings: WebhookSettings = { format: 'generic', url: 'https://x', signingKeys: [], events: [], routingKey: 'rk' }

function bodyOf(format: Format, resolvedAt?: number) {
  const notice = { alert, ...(resolvedAt !== undefined && { resolvedAt }) }
  return JSON.parse(format.requestOf(notice, settings, TIME).body)
}

test('generic is the data alone', () => {
  expect(bodyOf(generic)).toEqual({
    id: 'alert_1',
    type: 'budget_threshold',
    time: '2026-11-29T00:00:00.000Z',
    data: alert.data,
  })
  const signed = { ...settings, signingKeys: [Buffer.from('a'), Buffer.from('b')] }
  const { headers } = generic.requestOf({ alert }, signed, TIME)
  expect(headers?.['webhook-signature']).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/)
  expect(generic.requestOf({ alert }, settings, TIME).headers).toEqual({
    'webhook-id': 'alert_1',
    'webhook-timestamp': String(TIME / 1000),
  })
})

test('slack shows every fact as plain text, and mentions nobody', () => {
  const { text, blocks } = bodyOf(slack)
  expect(text).toContain('&lt;!channel&gt;')
  expect(blocks.flatMap((block: { fields?: object[] }) => block.fields ?? [])).toEqual(
    [
      'Budget\nusers',
      'Scope\nuser',
      `Subject\n${subject}`,
      'Window\nday',
      'Threshold\n80 %',
      'Spent\n$0.00162',
      'Limit\n$2.00',
    ].map((fact) => ({ type: 'plain_text', text: fact, emoji: false })),
  )
  expect(JSON.stringify(blocks)).not.toContain('mrkdwn')
})

test('teams gets an Adaptive Card of plain text', () => {
  const { type, attachments } = bodyOf(teams)
  expect(type).toBe('message')
  const [{ contentType, content }] = attachments
  expect(contentType).toBe('application/vnd.microsoft.card.adaptive')
  expect(content).toMatchObject({ type: 'AdaptiveCard', version: '1.4' })
  expect(new Set(content.body.map(({ type }: { type: string }) => type))).toEqual(new Set(['RichTextBlock']))
  expect(JSON.stringify(content)).toContain('$0.00162')
})

test('discord gets an embed in which nothing is markup, and mentions nobody', () => {
  const { embeds, allowed_mentions: mentions } = bodyOf(discord)
  expect(mentions).toEqual({ parse: [] })
  expect(embeds[0].fields).toContainEqual({
    name: 'Subject',
    value: 'web/<!channel\\> \\*bold\\* \\[x\\]\\(http://evil\\) @everyone',
    inline: true,
  })
})

test('pagerduty opens an incident, and resolves the same one', () => {
  expect(bodyOf(pagerduty)).toEqual({
    routing_key: 'rk',
    dedup_key: 'alert_1',
    event_action: 'trigger',
    payload: {
      summary: alert.summary,
      source: 'llm-gateway',
      severity: 'warning',
      timestamp: '2026-11-29T00:00:00.000Z',
      component: subject,
      class: 'budget_threshold',
      custom_details: alert.data,
    },
  })
  expect(bodyOf(pagerduty, TIME)).toEqual({ routing_key: 'rk', dedup_key: 'alert_1', event_action: 'resolve' })
})

test('alertmanager gets labels that stay the same while the alert holds', () => {
  const [posted] = bodyOf(alertmanager)
  expect(posted.labels).toEqual({
    alertname: 'LlmGatewayBudgetThreshold',
    severity: 'warning',
    event: 'budget_threshold',
    budget: 'users',
    scope: 'user',
    subject,
    window: 'day',
    threshold: '0.8',
  })
  expect(posted.endsAt).toBeUndefined()
  expect(bodyOf(alertmanager, TIME + 1_000)[0]).toMatchObject({
    labels: posted.labels,
    endsAt: '2026-11-29T00:00:01.000Z',
  })
})
