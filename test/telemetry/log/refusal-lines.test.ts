import { expect, it } from 'vitest'
import { createLog } from '../../../src/telemetry/log/log.ts'
import { refusalLines } from '../../../src/telemetry/log/refusal-lines.ts'
import { FakeClock } from '../../support/fake-clock.ts'

it('writes ten lines in ten seconds, and then how many were left out', async () => {
  const clock = new FakeClock()
  const lines: string[] = []
  const log = createLog({ clock, destination: { write: (line: string) => void lines.push(line) } })
  const refused = refusalLines(log, clock)
  for (let count = 0; count < 300; count++) refused('grpc', 'credential', '192.0.2.1')
  expect(lines).toHaveLength(10)
  await clock.advance(10_000)
  refused('http', 'overloaded')
  expect(lines).toHaveLength(11)
  expect(JSON.parse(lines[10] ?? '')).toMatchObject({
    message: 'refused',
    server: 'http',
    refusal: 'overloaded',
    left_out: 290,
  })
})
