import { dollars } from '../../domain/money.ts'
import type { KeyEvent } from '../../domain/ports/keys.ts'
import type { OperatorEventSubscriber } from '../../domain/ports/operations/operator-events.ts'
import { BreakerState } from '../../domain/types.ts'
import { breakerStateNames } from '../names.ts'
import type { Log } from './log.ts'

/** Writes a line for each change. Limits have no lines: any caller can reach one with every call. */
export function logOperatorEvents(log: Log): OperatorEventSubscriber {
  return {
    keyChanged: (event) => logKey(log, event),
    breakerChanged({ provider, model, state, coolDown }) {
      const delay = state === BreakerState.OPEN && { cool_down_ms: Math.round(coolDown) }
      log.warn('breaker changed', { provider, model, state: breakerStateNames[state], ...delay })
    },
    safetyLockChanged({ provider, target, locked }) {
      if (locked) log.warn('safety lock engaged: the provider is rate limited', { provider, target })
      else log.info('safety lock released', { provider, target })
    },
    sharedStoreChanged({ healthy, message }) {
      if (healthy) log.info('Redis is available')
      else log.warn(`${message} Calls continue without it, and the gateway keeps trying to reconnect.`)
    },
    ledgerChanged({ healthy, message }) {
      if (healthy) log.info('the ledger is available again')
      else log.error(message)
    },
    budgetOverrun(provider, model, excess) {
      log.debug('a response cost more than was reserved for it', { provider, model, usd: dollars(excess) })
    },
    priceMissing(provider, model) {
      log.warn('The model has no price, so its cost is not counted. Set one under prices.', { provider, model })
    },
    priceChanged({ provider, model, before, after }) {
      log.warn('price changed, in USD per million tokens', { provider, model, before, after })
    },
    pricesRead(path, problem) {
      if (problem === '') log.info('prices read again', { file: path })
      else log.warn('The file of prices cannot be used, so the prices stay as they were.', { file: path, problem })
    },
    adminCall(method, { requestId, record, peer }, reason, subject) {
      const about = subject !== '' && { subject }
      log.info('admin call', { method, request_id: requestId, caller: record.caller, peer, reason, ...about })
    },
  }
}

function logKey(log: Log, event: KeyEvent): void {
  const key = { provider: event.provider, key_id: event.keyId }
  if (event.change === 'quarantined') {
    const { provider, reason, isLast } = event
    log.warn('key quarantined', { ...key, reason })
    if (isLast) log.warn('every key quarantined: the account is refused', { provider, reason })
  } else if (event.change === 'recovered') log.info('key available again', key)
  else log.debug('key cooling down', { ...key, model: event.model, reason: event.reason })
}
