import { factsOf } from '../alert-facts.ts'
import type { Format } from './format.ts'

/**
 * An Adaptive Card for a webhook of the Workflows app, https://adaptivecards.io/explorer. The parts of a RichTextBlock
 * are plain text; those of other elements are Markdown, in which a name could be a link.
 */
export const teams: Format = {
  requestOf({ alert }) {
    const run = (text: string, rest = {}) => ({ type: 'TextRun', text, ...rest })
    const line = (...inlines: readonly object[]) => ({ type: 'RichTextBlock', inlines })
    const color = alert.severity === 'critical' ? 'attention' : alert.severity === 'warning' ? 'warning' : 'default'
    const content = {
      $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
      type: 'AdaptiveCard',
      version: '1.4',
      body: [
        line(run(alert.summary, { weight: 'bolder', size: 'medium', color })),
        ...factsOf(alert).map(([name, value]) => line(run(`${name}: `, { weight: 'bolder' }), run(value))),
        line(run(`${alert.event} ${alert.id}`, { isSubtle: true, size: 'small' })),
      ],
    }
    const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }
    return { body: JSON.stringify({ type: 'message', attachments: [attachment] }) }
  },
}
