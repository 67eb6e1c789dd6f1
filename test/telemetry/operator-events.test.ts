import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { expect, test } from 'vitest'
import { BreakerState } from '../../src/domain/types.ts'
import { createLog, type Level } from '../../src/telemetry/log/log.ts'
import { logOperatorEvents } from '../../src/telemetry/log/operator-log.ts'
import { OperatorEventHub } from '../../src/telemetry/operator-event-hub.ts'
import { contextFor } from '../support/provider-world.ts'
import { samples } from '../support/scrape.ts'
import { ManualClock, world } from '../support/telemetry-world.ts'

/** A hub with the log and the metrics as its subscribers, and the members of the lines that it wrote. */
function observed(level: Level = 'debug') {
  const lines: Record<string, unknown>[] = []
  const clock = new ManualClock()
  const log = createLog({ clock, level, destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  const { telemetry } = world({ targets: ['one/small'] })
  const events = new OperatorEventHub()
  events.subscribe(logOperatorEvents(log))
  events.subscribe(telemetry.operatorEvents)
  return {
    events,
    line: () => {
      const { time, ...line } = lines.at(-1) ?? {}
      return line
    },
    count: () => lines.length,
    samples: async (name: string) => {
      const { resourceMetrics } = await telemetry.metrics.collect()
      return samples(new PrometheusSerializer('', false, undefined, false, true).serialize(resourceMetrics), name)
    },
  }
}

test('changes of keys are logged, cooling ones for debugging only', () => {
  const { events, line } = observed()
  const key = { provider: 'one', keyId: 'k1' }
  events.keyChanged({ ...key, change: 'quarantined', reason: 'UPSTREAM_CREDENTIALS' })
  const fields = { provider: 'one', key_id: 'k1' }
  expect(line()).toEqual({ level: 'warn', ...fields, reason: 'UPSTREAM_CREDENTIALS', message: 'key quarantined' })
  events.keyChanged({ ...key, change: 'recovered' })
  expect(line()).toEqual({ level: 'info', ...fields, message: 'key available again' })
  events.keyChanged({
    ...key,
    change: 'cooled',
    model: 'small',
    task: 'chat',
    until: 5,
    reason: 'UPSTREAM_RATE_LIMITED',
  })
  const cooled = { ...fields, model: 'small', reason: 'UPSTREAM_RATE_LIMITED' }
  expect(line()).toEqual({ level: 'debug', ...cooled, message: 'key cooling down' })
})

test('a breaker that opens is logged with its cool-down, counted and shown', async () => {
  const { events, line, samples } = observed()
  expect(await samples('llm_gateway_breaker_state{')).toEqual([
    'llm_gateway_breaker_state{provider="one",model="small"} 0',
  ])
  events.breakerChanged({ provider: 'one', model: 'small', state: BreakerState.OPEN, coolDown: 1500.4 })
  const target = { provider: 'one', model: 'small' }
  expect(line()).toEqual({ level: 'warn', ...target, state: 'open', cool_down_ms: 1500, message: 'breaker changed' })
  expect(await samples('llm_gateway_breaker_state{')).toEqual([
    'llm_gateway_breaker_state{provider="one",model="small"} 2',
  ])
  expect(await samples('llm_gateway_breaker_transitions_total{')).toEqual([
    'llm_gateway_breaker_transitions_total{provider="one",model="small",state="open"} 1',
  ])
  events.breakerChanged({ provider: 'one', model: 'small', state: BreakerState.HALF_OPEN, coolDown: 0 })
  expect(line()).toEqual({ level: 'warn', ...target, state: 'half_open', message: 'breaker changed' })
})

test('models that callers made up share one label and have no breaker state', async () => {
  const { events, samples } = observed()
  events.breakerChanged({ provider: 'one', model: 'made-up', state: BreakerState.OPEN, coolDown: 1 })
  expect(await samples('llm_gateway_breaker_transitions_total{')).toEqual([
    'llm_gateway_breaker_transitions_total{provider="one",model="other",state="open"} 1',
  ])
  expect(await samples('llm_gateway_breaker_state{')).toHaveLength(1)
})

test('safety locks and the shared store are logged', () => {
  const { events, line } = observed()
  const lock = { provider: 'one', target: 'two/small', diverted: 1 }
  events.safetyLockChanged({ ...lock, locked: true })
  const fields = { provider: 'one', target: 'two/small' }
  const engaged = 'safety lock engaged: the provider is rate limited'
  expect(line()).toEqual({ level: 'warn', ...fields, message: engaged })
  events.safetyLockChanged({ ...lock, locked: false })
  expect(line()).toEqual({ level: 'info', ...fields, message: 'safety lock released' })
  events.sharedStoreChanged({ name: 'redis', healthy: false, message: 'Redis is gone.' })
  const gone = 'Redis is gone. Calls continue without it, and the gateway keeps trying to reconnect.'
  expect(line()).toEqual({ level: 'warn', message: gone })
  events.sharedStoreChanged({ name: 'redis', healthy: true, message: '' })
  expect(line()).toEqual({ level: 'info', message: 'Redis is available' })
})

test('a limit that is reached is counted and writes no line', async () => {
  const { events, count, samples } = observed()
  for (const enforced of [true, true, false]) events.limitReached('user', 'tokens', enforced)
  expect(await samples('llm_gateway_limits_reached_total{')).toEqual([
    'llm_gateway_limits_reached_total{scope="user",limit="tokens",enforced="true"} 2',
    'llm_gateway_limits_reached_total{scope="user",limit="tokens",enforced="false"} 1',
  ])
  expect(count()).toBe(0)
})

test('an admin call is logged with its caller and never with a credential', () => {
  const { events, line } = observed()
  const context = contextFor(new ManualClock(), 'Bearer canary-credential')
  context.record.caller = 'ops'
  events.adminCall('ClearCache', context, 'ADMIN_REQUIRED', 'all')
  const { requestId, peer } = context
  const fields = {
    method: 'ClearCache',
    request_id: requestId,
    caller: 'ops',
    peer,
    reason: 'ADMIN_REQUIRED',
    subject: 'all',
  }
  expect(line()).toEqual({ level: 'info', ...fields, message: 'admin call' })
})
