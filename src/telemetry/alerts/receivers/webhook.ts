import type { HttpPost, PostReply } from '../../../domain/ports/operations/http-post.ts'
import type { Notice } from '../alert.ts'
import type { WebhookFormat, WebhookSettings } from '../settings.ts'
import { alertmanager } from './formats/alertmanager.ts'
import { discord } from './formats/discord.ts'
import type { Format } from './formats/format.ts'
import { generic } from './formats/generic.ts'
import { pagerduty } from './formats/pagerduty.ts'
import { slack } from './formats/slack.ts'
import { teams } from './formats/teams.ts'
import type { Delivery, Receiver } from './receiver.ts'
import { retryAfterOf } from './retry-after.ts'

const formats: Readonly<Record<WebhookFormat, Format>> = { generic, slack, teams, discord, pagerduty, alertmanager }

export interface WebhookParts {
  readonly post: HttpPost
  /** Wall time in ms. */
  readonly now: () => number
}

/** Longest part of a reply that is shown. */
const MAX_SHOWN = 200
/** Statuses after which the same request may succeed soon; all others below 500 say that it will not. */
const PASSING = [408, 425, 429]

/** Posts alerts to a URL in one of the formats. */
export function webhookReceiver(name: string, settings: WebhookSettings, { post, now }: WebhookParts): Receiver {
  const { takesResolved = false, needsRepeats = false, requestOf } = formats[settings.format]
  return {
    name,
    events: settings.events,
    takesResolved,
    needsRepeats,
    async deliver(notice: Notice) {
      const { headers, body } = requestOf(notice, settings, now())
      const reply = await post({
        url: settings.url,
        headers: { 'content-type': 'application/json', 'user-agent': 'llm-gateway', ...headers },
        body,
      })
      return deliveryOf(reply, secretsOf(settings), now())
    },
  }
}

function deliveryOf(reply: PostReply, secrets: readonly string[], now: number): Delivery {
  if ('failure' in reply) return { ok: false, message: reply.failure }
  const { status, retryAfter, text } = reply
  const said = shown(text, secrets)
  const message = `HTTP ${status}${said === '' ? '' : `: ${said}`}`
  if (status >= 200 && status < 300) return { ok: true, message }
  if (status >= 300 && status < 400) {
    return {
      ok: false,
      refused: true,
      message: `HTTP ${status}: redirects are not followed, configure the final address`,
    }
  }
  const wait = retryAfterOf(retryAfter, now)
  const refused = status < 500 && !PASSING.includes(status)
  return { ok: false, message, ...(refused && { refused }), ...(wait !== undefined && { retryAfter: wait }) }
}

/** The beginning of a reply on one line, without what must not be shown. */
function shown(text: string, secrets: readonly string[]): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
  return secrets.reduce((safe, secret) => safe.replaceAll(secret, '****'), line).slice(0, MAX_SHOWN)
}

function secretsOf({ url, routingKey }: WebhookSettings): readonly string[] {
  const { pathname, search } = new URL(url)
  return [url, `${pathname}${search}`, pathname, routingKey ?? ''].filter((secret) => secret.length > 8)
}
