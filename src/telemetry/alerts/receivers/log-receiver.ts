import type { Log } from '../../log/log.ts'
import type { Receiver } from './receiver.ts'

/** Writes alerts into the log. */
export function logReceiver(log: Pick<Log, 'info' | 'warn'>): Receiver {
  return {
    name: 'log',
    events: [],
    takesResolved: true,
    needsRepeats: false,
    async deliver({ alert: { id, event, summary, data }, resolvedAt }) {
      // A line has a message of its own, and the summary is that of the alert.
      const { message, ...facts } = data
      const fields = { event, alert_id: id, summary, ...facts }
      if (resolvedAt === undefined) log.warn('alert', fields)
      else log.info('alert resolved', fields)
      return { ok: true, message: 'written' }
    },
  }
}
