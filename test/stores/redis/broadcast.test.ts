import { expect, test } from 'vitest'
import { Broadcast } from '../../../src/stores/redis/broadcast.ts'
import { FakeClock } from '../../support/fake-clock.ts'

/** A stream as Redis keeps it, for gateways that share it. */
function sharedStream(clock: FakeClock) {
  const entries: { id: string; at: number; text: string }[] = []
  const send = async (command: string, args: readonly unknown[]) => {
    if (command === 'XADD') {
      const at = clock.wall()
      entries.push({ id: `${at}-${entries.length}`, at, text: String(args[6]) })
      return undefined
    }
    const [after = 0] = String(args[1]).slice(1).split('-').map(Number)
    const last = String(args[1]).slice(1)
    return entries.filter(({ id, at }) => at >= after && id > last).map(({ id, text }) => [id, ['news', text]])
  }
  return { available: true, send, run: async () => undefined, state: () => ({ name: '', healthy: true, message: '' }) }
}

test('a gateway that starts later learns what others reported in the last quarter of an hour, once and in order', async () => {
  const clock = new FakeClock()
  const store = sharedStream(clock)
  const early = new Broadcast({ store, clock, origin: 'early' })
  early.notify('keys', 'long ago')
  await clock.advance(1_000_000)
  early.notify('keys', 'a quarantined')
  await clock.advance(1_000)
  early.notify('keys', 'a recovered')
  const late = new Broadcast({ store, clock, origin: 'late' })
  const heard: unknown[] = []
  late.listen('keys', (message) => heard.push(message))
  await clock.advance(1_000)
  expect(heard).toEqual(['a quarantined', 'a recovered'])
  early.notify('keys', 'b quarantined')
  await clock.advance(1_000)
  expect(heard).toEqual(['a quarantined', 'a recovered', 'b quarantined'])
  early.close()
  late.close()
})
