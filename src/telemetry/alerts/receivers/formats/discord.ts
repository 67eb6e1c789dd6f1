import { factsOf } from '../alert-facts.ts'
import type { Format } from './format.ts'

const colors = { critical: 0xd32f2f, warning: 0xf9a825, info: 0x1976d2 }

/** An embed, https://docs.discord.com/developers/resources/message#embed-object. Nobody is mentioned. */
export const discord: Format = {
  requestOf({ alert }) {
    const embed = {
      title: escaped(alert.summary).slice(0, 256),
      color: colors[alert.severity],
      fields: factsOf(alert).map(([name, value]) => ({ name, value: escaped(value).slice(0, 1024), inline: true })),
      footer: { text: `${alert.event} ${alert.id}` },
      timestamp: new Date(alert.time).toISOString(),
    }
    return { body: JSON.stringify({ embeds: [embed], allowed_mentions: { parse: [] } }) }
  },
}

/** Values are Markdown, in which a name could be a link. */
function escaped(text: string): string {
  return text.replace(/[\\*_~`|>[\]()#-]/g, '\\$&')
}
