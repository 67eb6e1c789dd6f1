import { expect, test } from 'vitest'
import { BreakerState } from '../../../src/domain/types.ts'
import { alertEvents } from '../../../src/telemetry/alerts/settings.ts'
import { alertWorld, levelOf, TestReceiver } from '../../support/alert-world.ts'

function world() {
  const { clock, gateway } = alertWorld()
  const receiver = new TestReceiver({ takesResolved: true })
  const { events } = gateway([receiver])
  /** Lets alerts be sent, and what is over be over. */
  const settle = () => clock.advance(10 * 60_000)
  const facts = () => receiver.notices.map(({ alert: { severity, summary, data } }) => ({ severity, summary, data }))
  return { clock, receiver, events, settle, facts, level: levelOf(2, clock) }
}

test('every event has an alert', async () => {
  const { clock, events, receiver } = world()
  const level = levelOf(2, clock)
  const state = { name: 'redis', healthy: false, message: 'Redis is unavailable (ECONNREFUSED).' }
  events.budgetThreshold({ ...level, threshold: 0.8 })
  events.budgetExceeded(level)
  events.errorRateChanged({ provider: 'one', exceeded: true, attempts: 120, errors: 10, window: 86_400_000 })
  events.providerAvoided('one', level, true)
  events.ledgerChanged({ name: 'ledger', healthy: false, message: '' })
  events.priceMissing('one', 'small')
  events.keyChanged({
    provider: 'one',
    keyId: 'k1',
    change: 'quarantined',
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    isLast: true,
  })
  events.breakerChanged({ provider: 'one', model: 'small', state: BreakerState.OPEN, coolDown: 5 })
  events.sharedStoreChanged(state)
  await clock.advance(10)
  expect(receiver.notices.map(({ alert }) => alert.event).toSorted()).toEqual([...alertEvents].toSorted())
})

test('a budget is reported with its facts', async () => {
  const { clock, events, settle, facts } = world()
  const level = levelOf(1.62, clock)
  events.budgetThreshold({ ...level, threshold: 0.8 })
  events.budgetExceeded({
    ...level,
    budget: 'team',
    subject: '',
    scope: 'global',
    window: 'total',
    resetsAt: undefined,
  })
  await settle()
  const resetsAt = new Date(level.resetsAt ?? 0).toISOString()
  expect(facts()).toEqual([
    {
      severity: 'warning',
      summary: '80 % of the budget users of web/ann is spent',
      data: {
        budget: 'users',
        scope: 'user',
        subject: 'web/ann',
        window: 'day',
        threshold: 0.8,
        spent_usd: 1.62,
        limit_usd: 2,
        resets_at: resetsAt,
      },
    },
    {
      severity: 'critical',
      summary: 'The budget team is exceeded',
      data: {
        budget: 'team',
        scope: 'global',
        subject: '',
        window: 'total',
        threshold: 1,
        spent_usd: 1.62,
        limit_usd: 2,
        resets_at: null,
      },
    },
  ])
})

test('a name that a caller chose stays on one line, and short', async () => {
  const { clock, events, settle, facts } = world()
  events.budgetExceeded(levelOf(2, clock, { subject: `web/a\r\nBcc: b@c\u2028${'x'.repeat(300)}` }))
  await settle()
  expect(facts()[0]?.summary).toMatch(/^The budget users of web\/a Bcc: b@c x+… is exceeded$/)
  expect(facts()[0]?.summary.length).toBeLessThan(140)
})

test('an error rate is a share of the attempts', async () => {
  const { events, settle, facts } = world()
  events.errorRateChanged({ provider: 'one', exceeded: true, attempts: 120, errors: 10, window: 86_400_000 })
  await settle()
  expect(facts()).toEqual([
    {
      severity: 'warning',
      summary: '8.33 % of the attempts at one failed within 24h',
      data: {
        subject: 'one',
        provider: 'one',
        window: '24h',
        threshold: 0.05,
        error_rate: 0.0833,
        calls: 120,
        errors: 10,
      },
    },
  ])
})

test.each([
  [
    'error_rate one 0.05',
    ({ events }: ReturnType<typeof world>, over: boolean) =>
      events.errorRateChanged({ provider: 'one', exceeded: !over, attempts: 100, errors: 9, window: 60_000 }),
  ],
  [
    'breaker_open one/small',
    ({ events }, over) =>
      events.breakerChanged({
        provider: 'one',
        model: 'small',
        state: over ? BreakerState.CLOSED : BreakerState.OPEN,
        coolDown: 0,
      }),
  ],
  [
    'redis_unavailable redis',
    ({ events }, over) => events.sharedStoreChanged({ name: 'redis', healthy: over, message: 'Redis is gone.' }),
  ],
  [
    'ledger_unavailable ledger',
    ({ events }, over) => events.ledgerChanged({ name: 'ledger', healthy: over, message: 'The disk is full.' }),
  ],
  [
    'key_quarantined one/k1',
    ({ events }, over) => {
      const key = { provider: 'one', keyId: 'k1' }
      if (over) events.keyChanged({ ...key, change: 'recovered' })
      else events.keyChanged({ ...key, change: 'quarantined', reason: 'UPSTREAM_CREDENTIALS' })
    },
  ],
  ['provider_avoided one 1', ({ events, level }, over) => events.providerAvoided('one', level, !over)],
] satisfies [string, (some: ReturnType<typeof world>, over: boolean) => void][])(
  '%s is over when it is',
  async (text, report) => {
    const some = world()
    report(some, false)
    await some.clock.advance(10)
    expect(some.receiver.texts).toEqual([text])
    report(some, true)
    await some.settle()
    expect(some.receiver.texts).toEqual([text, `${text} over`])
  },
)

test('a half-open breaker and a key that cools down are no news', async () => {
  const { events, settle, receiver } = world()
  events.breakerChanged({ provider: 'one', model: 'small', state: BreakerState.HALF_OPEN, coolDown: 0 })
  events.keyChanged({
    provider: 'one',
    keyId: 'k1',
    change: 'cooled',
    model: 'small',
    task: 'chat',
    until: 5,
    reason: 'UPSTREAM_RATE_LIMITED',
  })
  await settle()
  expect(receiver.texts).toEqual([])
})
