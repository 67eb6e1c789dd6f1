import { tasks } from '../../domain/calls/call.ts'
import { isReason } from '../../domain/errors/reasons.ts'
import type { KeyEvent } from '../../domain/ports/keys.ts'
import type { OperatorEventSubscriber } from '../../domain/ports/operations/operator-events.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import type { Broadcast } from './broadcast.ts'

const TOPIC = 'keys'

/** Sends the changes of keys that this gateway finds out to the other gateways. */
export function broadcastKeyEvents(broadcast: Pick<Broadcast, 'notify'>): OperatorEventSubscriber {
  return { keyChanged: (event) => broadcast.notify(TOPIC, event) }
}

/** Applies the changes that other gateways send to the keys of `providers`. */
export function applyKeyEvents(
  broadcast: Pick<Broadcast, 'listen'>,
  providers: readonly Pick<Provider, 'name' | 'keys'>[],
): void {
  broadcast.listen(TOPIC, (received) => {
    const event = readKeyEvent(received)
    const provider = event && providers.find(({ name }) => name === event.provider)
    if (provider) provider.keys?.apply(event)
  })
}

/** Undefined for anything but a key event. */
function readKeyEvent(received: unknown): KeyEvent | undefined {
  if (typeof received !== 'object' || received === null) return undefined
  const { provider, keyId, change, model, task, until, reason }: { readonly [member: string]: unknown } = {
    ...received,
  }
  if (typeof provider !== 'string' || typeof keyId !== 'string') return undefined
  if (change === 'recovered') return { provider, keyId, change }
  if (typeof reason !== 'string' || !isReason(reason)) return undefined
  if (change === 'quarantined') return { provider, keyId, change, reason }
  if (change !== 'cooled' || typeof model !== 'string' || typeof until !== 'number') return undefined
  const known = tasks.find((name) => name === task)
  return known && { provider, keyId, change, model, task: known, until, reason }
}
