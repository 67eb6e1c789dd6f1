import { factsOf } from '../alert-facts.ts'
import type { Format } from './format.ts'

/** Most fields of a section. */
const MAX_FIELDS = 10

/** https://docs.slack.dev/reference/block-kit/blocks; the values are plain text, in which nothing is markup. */
export const slack: Format = {
  requestOf({ alert }) {
    const plain = (text: string) => ({ type: 'plain_text', text, emoji: false })
    const fields = factsOf(alert).map(([name, value]) => plain(`${name}\n${value}`))
    const blocks = [
      { type: 'section', text: plain(alert.summary) },
      ...(fields.length > 0 ? [{ type: 'section', fields: fields.slice(0, MAX_FIELDS) }] : []),
      { type: 'context', elements: [plain(`${alert.event} ${alert.id}`)] },
    ]
    return { body: JSON.stringify({ text: escaped(alert.summary), blocks }) }
  },
}

/** Without this a name could mention a whole channel. https://docs.slack.dev/messaging/formatting-message-text */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
