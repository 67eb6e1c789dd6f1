import { expect, test } from 'vitest'
import type { KeyEvent } from '../../../src/domain/ports/keys.ts'
import { applyKeyEvents, broadcastKeyEvents } from '../../../src/stores/redis/key-broadcast.ts'

/** Two gateways whose broadcasts arrive at once. `applied` is what the second one applies to the keys of `p`. */
function twoGateways() {
  const applied: KeyEvent[] = []
  let receive: (broadcast: unknown) => void = () => {}
  const keys = { apply: (event: KeyEvent) => void applied.push(event) }
  const provider = { name: 'p', keys } as unknown as Parameters<typeof applyKeyEvents>[1][number] // nothing else is read
  const events = broadcastKeyEvents({ notify: (_, broadcast) => receive(JSON.parse(JSON.stringify(broadcast))) })
  const listen = (_topic: string, hear: typeof receive) => {
    receive = hear
  }
  applyKeyEvents({ listen }, [provider])
  return { applied, events, receive: (broadcast: unknown) => receive(broadcast) }
}

const changes: KeyEvent[] = [
  { provider: 'p', keyId: 'a', change: 'quarantined', reason: 'UPSTREAM_CREDENTIALS' },
  { provider: 'p', keyId: 'a', change: 'cooled', model: 'm', task: 'chat', until: 5, reason: 'UPSTREAM_RATE_LIMITED' },
  { provider: 'p', keyId: 'a', change: 'recovered' },
]

test.each(changes)('a key that is $change in one gateway is so in the other', (event) => {
  const { applied, events } = twoGateways()
  events.keyChanged?.(event)
  expect(applied).toEqual([event])
})

test.each([
  ['another provider', { ...changes[0], provider: 'q' }],
  ['no object', 'quarantined'],
  ['no key', { ...changes[0], keyId: 7 }],
  ['an unknown reason', { ...changes[0], reason: 'MOOD' }],
  ['an unknown change', { ...changes[0], change: 'stolen' }],
  ['no time', { ...changes[1], until: 'soon' }],
])('a broadcast with %s changes nothing', (_, broadcast) => {
  const { applied, receive } = twoGateways()
  receive(broadcast)
  expect(applied).toEqual([])
})
