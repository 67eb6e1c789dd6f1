import { describe, expect, test } from 'vitest'
import { checkReport } from '../../src/config/check.ts'
import { loadConfig } from '../../src/config/load.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const variables = {
  OPENAI_API_KEY: 'o',
  HOOK_URL: 'https://hooks.example.com/T000/very-long-secret-part-of-a-url',
  HOOK_SECRET: secret,
  PAGER_KEY: 'R0UT1NG',
}

function load(file = '', env: Record<string, string> = {}) {
  const { config, problems, notices } = loadConfig({ file, env: { ...variables, ...env } })
  return {
    alerts: config?.alerts,
    notices: notices.filter((text) => /alert|SMTP/i.test(text)),
    problems: problems.map(({ path, reason }) => `${path}: ${reason}`),
  }
}

const webhook = (entry: string) => load(`alerts: { webhooks: [{ ${entry} }] }`)

test('without a word alerts go to the log, at half, four fifths and the whole of a budget', () => {
  expect(load()).toEqual({
    alerts: {
      thresholds: [0.5, 0.8, 1],
      errorRate: { ratio: 0.05, window: 86_400_000, minCalls: 100 },
      webhooks: [],
    },
    notices: [],
    problems: [],
  })
})

test('a block with everything', () => {
  const { alerts, problems } = load(
    `
alerts:
  thresholds: [1, 0.25, 0.25]
  error_rate: { ratio: 0.1, window: 1h, min_calls: 5 }
  webhooks:
    - { url: "\${HOOK_URL}", secret: "\${HOOK_SECRET}", events: [budget_threshold] }
    - { url: "\${HOOK_URL}", format: slack }
    - { format: pagerduty, routing_key: "\${PAGER_KEY}" }
    - { url: "http://alertmanager-operated.monitoring.svc:9093/", format: alertmanager }
  email: { to: [ops@example.com, boss@example.com], events: [budget_exceeded] }
`,
    {
      SMTP_HOST: 'mail.example.com',
      SMTP_USER: 'me',
      SMTP_PASS: 'p',
      SMTP_FROM: 'Gateway <g@example.com>',
      SMTP_PORT: '465',
    },
  )
  expect(problems).toEqual([])
  expect(alerts).toEqual({
    thresholds: [0.25, 1],
    errorRate: { ratio: 0.1, window: 3_600_000, minCalls: 5 },
    webhooks: [
      { format: 'generic', url: variables.HOOK_URL, signingKeys: [Buffer.alloc(32, 1)], events: ['budget_threshold'] },
      { format: 'slack', url: variables.HOOK_URL, signingKeys: [], events: [] },
      {
        format: 'pagerduty',
        url: 'https://events.pagerduty.com/v2/enqueue',
        routingKey: 'R0UT1NG',
        signingKeys: [],
        events: [],
      },
      {
        format: 'alertmanager',
        url: 'http://alertmanager-operated.monitoring.svc:9093/api/v2/alerts',
        signingKeys: [],
        events: [],
      },
    ],
    email: {
      to: ['ops@example.com', 'boss@example.com'],
      from: 'Gateway <g@example.com>',
      events: ['budget_exceeded'],
      server: { host: 'mail.example.com', port: 465, login: { user: 'me', password: 'p' }, tls: true },
    },
  })
})

describe('the variables of older gateways', () => {
  test.each([
    ['80', [0.5, 0.8, 1]],
    ['0.8', [0.5, 0.8, 1]],
    ['70', [0.5, 0.7, 1]],
    ['70%', [0.5, 0.7, 1]],
    ['30', [0.3, 0.5, 1]],
    ['100', [0.5, 1]],
    ['1', [0.5, 1]],
  ])('COST_ALERT_THRESHOLD=%s: %s', (value, thresholds) => {
    expect(load('', { COST_ALERT_THRESHOLD: value }).alerts?.thresholds).toEqual(thresholds)
  })
  test('the file outranks the threshold', () => {
    expect(load('alerts: { thresholds: [0.9] }', { COST_ALERT_THRESHOLD: '70' }).alerts?.thresholds).toEqual([0.9])
  })
  test('COST_ALERT_EMAIL without SMTP_HOST is a notice', () => {
    const { alerts, notices, problems } = load('', { COST_ALERT_EMAIL: 'ops@example.com' })
    expect(problems).toEqual([])
    expect(alerts?.email).toBeUndefined()
    expect(notices).toEqual([expect.stringMatching(/COST_ALERT_EMAIL.*SMTP_HOST.*log/)])
  })
  test('both names of each variable of the mail server are read', () => {
    const first = load('', {
      COST_ALERT_EMAIL: 'a@b.com, c@d.com',
      SMTP_HOST: 'mail',
      SMTP_USERNAME: 'me',
      SMTP_PASSWORD: 'p',
      SMTP_FROM: 'g@x.com',
      SMTP_TLS: 'false',
    })
    const second = load('', {
      COST_ALERT_EMAIL: 'a@b.com, c@d.com',
      SMTP_HOST: 'mail',
      SMTP_USER: 'me',
      SMTP_PASS: 'p',
      SMTP_SENDER_EMAIL: 'g@x.com',
      SMTP_SECURE: 'false',
    })
    expect(first.alerts?.email).toEqual({
      to: ['a@b.com', 'c@d.com'],
      from: 'g@x.com',
      events: [],
      server: { host: 'mail', port: 587, login: { user: 'me', password: 'p' }, tls: false },
    })
    expect(second).toEqual(first)
  })
  test.each([
    ['COST_ALERT_THRESHOLD', '0'],
    ['COST_ALERT_THRESHOLD', '101'],
    ['COST_ALERT_THRESHOLD', 'much'],
    ['COST_ALERT_EMAIL', 'ops'],
    ['COST_ALERT_EMAIL', 'Ops <ops@example.com>'],
    ['SMTP_HOST', 'mail.example.com:587'],
    ['SMTP_PORT', '0'],
    ['SMTP_FROM', 'nobody'],
    ['SMTP_TLS', 'perhaps'],
  ])('%s=%s is a mistake', (name, value) => {
    expect(load('', { [name]: value }).problems).toEqual([expect.stringMatching(`^${name}: must be `)])
  })
  test('a user without a password is a mistake, and a server without recipients a notice', () => {
    const env = { COST_ALERT_EMAIL: 'a@b.com', SMTP_HOST: 'mail', SMTP_USERNAME: 'me' }
    expect(load('', env).problems).toEqual(['SMTP_USERNAME: needs SMTP_PASSWORD'])
    expect(load('', { SMTP_HOST: 'mail' }).notices).toEqual([expect.stringContaining('SMTP_HOST has no effect')])
  })
})

test('the start says that replicas which share nothing send one alert each', () => {
  const notice = [expect.stringMatching(/once from each gateway.*Redis.*Postgres/)]
  const file = 'alerts: { webhooks: [{ url: "http://ops/hook" }] }'
  expect(load(file).notices).toEqual(notice)
  expect(load(file, { REDIS_URL: 'redis://r' }).notices).toEqual([])
  expect(load(file, { LLM_GATEWAY_LEDGER_URL: 'memory' }).notices).toContainEqual(notice[0])
})

describe('mistakes in webhooks', () => {
  test.each([
    ['format: slack', 'url: is missing'],
    [
      'url: "http://ops/hook", format: sms',
      'format: must be one of generic, slack, teams, discord, pagerduty, alertmanager',
    ],
    ['url: "http:///hook"', 'url: must be an http:// or https:// URL with a host'],
    ['url: "https://"', 'url: must be an http:// or https:// URL with a host'],
    ['url: "/hook"', 'url: must be an http:// or https:// URL with a host'],
    ['url: "ftp://ops/hook"', 'url: must be an http:// or https:// URL with a host'],
    ['url: "http://169.254.169.254/hook"', 'url: must not be the metadata service of a cloud'],
    ['format: pagerduty', 'routing_key: is missing'],
    [`url: "http://ops/hook", routing_key: "\${PAGER_KEY}"`, 'routing_key: has no effect with the format generic'],
    [`url: "\${HOOK_URL}", format: slack, secret: "\${HOOK_SECRET}"`, 'secret: has no effect with the format slack'],
    [`url: "http://ops/hook", secret: "\${PAGER_KEY}"`, 'secret: must be a key of Standard Webhooks'],
    ['url: "http://ops/hook", events: []', 'events: must name at least one event'],
    ['url: "http://ops/hook", events: [budget_thresholds]', 'events[0]: must be one of budget_threshold,'],
    ['url: "http://ops/hook", method: PUT', 'method: is not a known key'],
  ])('%s', (entry, problem) => {
    expect(webhook(entry).problems).toEqual([expect.stringContaining(`alerts.webhooks[0].${problem}`)])
  })
  test.each([
    ['secret', `url: "http://ops/hook", secret: "${secret}"`],
    ['routing_key', 'format: pagerduty, routing_key: R0UT1NG'],
    ['url', 'url: "https://hooks.slack.com/services/T0/B0/xx", format: slack'],
    ['url', 'url: "https://discord.com/api/webhooks/1/token", format: discord'],
    ['url', 'url: "https://flow.example.com/x", format: teams'],
    ['url', 'url: "https://user:password@ops.example.com/hook"'],
    ['url', 'url: "https://ops.example.com/hook?token=1"'],
    ['url', 'url: "https://ops.example.com/hook/0123456789abcdef0123"'],
  ])('%s must be a reference in %s', (setting, entry) => {
    expect(webhook(entry).problems).toEqual([
      expect.stringMatching(new RegExp(`^alerts\\.webhooks\\[0\\]\\.${setting}: a secret must not be written here`)),
    ])
  })
  test.each([
    'url: "http://127.0.0.1:9000/hook?a=b", format: slack',
    'url: "https://ops.example.com/hooks/llm-gateway"',
  ])('%s may be written', (entry) => expect(webhook(entry).problems).toEqual([]))
})

test.each([
  ['thresholds: []', 'alerts.thresholds: must have at least one threshold'],
  ['thresholds: [80]', 'alerts.thresholds[0]: must be a part of the limit above 0 and up to 10, such as 0.8 for 80 %'],
  ['thresholds: [0]', 'alerts.thresholds[0]: must be a part of the limit above 0 and up to 10, such as 0.8 for 80 %'],
  [
    'error_rate: { ratio: 5 }',
    'alerts.error_rate.ratio: must be a share of the attempts above 0 and up to 1, such as 0.05',
  ],
  ['error_rate: { window: 90d }', 'alerts.error_rate.window: must be a duration from 1s to 30d, such as 24h or 7d'],
  ['email: { to: [ops] }', 'alerts.email.to[0]: must be an e-mail address such as ops@example.com'],
  ['email: { events: [test] }', 'alerts.email.events[0]: must be one of budget_threshold,'],
  ['email: {}', 'alerts.email.to: is missing: write it, or set COST_ALERT_EMAIL'],
  ['email: { to: [a@b.com] }', 'alerts.email: needs a mail server: set SMTP_HOST'],
])('%s is a mistake', (entry, problem) => {
  expect(load(`alerts: { ${entry} }`).problems).toEqual([expect.stringContaining(problem)])
})

test('check shows the receivers, and no secret', () => {
  const file = `alerts: { webhooks: [{ url: "\${HOOK_URL}", format: slack }, { url: "http://ops/hook" }] }`
  const loaded = loadConfig({ file, env: { ...variables, COST_ALERT_EMAIL: 'a@b.com', SMTP_HOST: 'mail' } })
  const { lines } = checkReport(loaded)
  expect(lines).toContain('alerts: log, slack, generic, e-mail to a@b.com')
  expect(lines.join()).not.toContain('secret-part')
})
