import { expect, test } from 'vitest'
import { logReceiver } from '../../../src/telemetry/alerts/receivers/log-receiver.ts'
import { createLog } from '../../../src/telemetry/log/log.ts'
import { FakeClock } from '../../support/fake-clock.ts'

test('an alert is one line, whose members have names of their own', async () => {
  const lines: string[] = []
  const clock = new FakeClock()
  const log = createLog({ clock, destination: { write: (line) => void lines.push(line) } })
  const alert = {
    id: 'alert_1',
    event: 'redis_unavailable',
    severity: 'warning',
    time: clock.wall(),
    subject: 'redis',
    summary: 'Redis is unavailable (ECONNREFUSED).',
    data: { subject: 'redis', message: 'Redis is unavailable (ECONNREFUSED).' },
  } as const
  expect(await logReceiver(log).deliver({ alert })).toEqual({ ok: true, message: 'written' })
  await logReceiver(log).deliver({ alert, resolvedAt: clock.wall() })
  const time = new Date(clock.wall()).toISOString()
  const facts =
    '"event":"redis_unavailable","alert_id":"alert_1","summary":"Redis is unavailable (ECONNREFUSED).","subject":"redis"'
  expect(lines).toEqual([
    `{"level":"warn","time":"${time}",${facts},"message":"alert"}\n`,
    `{"level":"info","time":"${time}",${facts},"message":"alert resolved"}\n`,
  ])
})
