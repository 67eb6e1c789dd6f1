import { createHmac } from 'node:crypto'
import type { Alert } from '../../alert.ts'
import type { Format } from './format.ts'

/** JSON of its own, signed as https://www.standardwebhooks.com says. */
export const generic: Format = {
  requestOf({ alert }, { signingKeys }, now) {
    const body = JSON.stringify(bodyOf(alert))
    const timestamp = String(Math.floor(now / 1000))
    const signed = `${alert.id}.${timestamp}.${body}`
    const signatures = signingKeys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    return {
      body,
      headers: {
        'webhook-id': alert.id,
        'webhook-timestamp': timestamp,
        ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
      },
    }
  },
}

function bodyOf({ id, event, time, data }: Alert) {
  return { id, type: event, time: new Date(time).toISOString(), data }
}
