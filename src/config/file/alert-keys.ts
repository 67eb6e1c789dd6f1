import { isIP } from 'node:net'
import { z } from 'zod'
import { alertEvents, webhookFormats } from '../../telemetry/alerts/settings.ts'
import { block, field } from './block.ts'
import { decimal, hostName, integer, longDuration, oneOf, type Reader, webUrl } from './readers.ts'

/* The block `alerts`, and the variables that belong to it. */

/** A part of a budget's limit. */
const threshold: Reader<number> = {
  expects: 'a part of the limit above 0 and up to 10, such as 0.8 for 80 %',
  read: (text) => above0(decimal(0, 10).read(text)),
}

/** A part of a budget's limit, or the same in percent. */
export const thresholdOrPercent: Reader<number> = {
  expects: 'a percentage such as 80, or a part of the limit such as 0.8, up to 100 %',
  read(text) {
    const number = above0(decimal(0, 100).read(text.replace(/ ?%$/, '')))
    return number === undefined || (number <= 1 && !text.endsWith('%')) ? number : number / 100
  },
}

const ratio: Reader<number> = {
  expects: 'a share of the attempts above 0 and up to 1, such as 0.05',
  read: (text) => above0(decimal(0, 1).read(text)),
}

const window: Reader<number> = {
  expects: 'a duration from 1s to 30d, such as 24h or 7d',
  read(text) {
    const ms = longDuration.read(text)
    return ms !== undefined && ms >= 1_000 && ms <= 30 * 24 * 3_600_000 ? ms : undefined
  },
}

function above0(number: number | undefined): number | undefined {
  return number === 0 ? undefined : number
}

/** The scheme must be followed by a host: the URL standard would take one from the path. */
const webhookUrl: Reader<string> = {
  expects: 'an http:// or https:// URL with a host',
  read: (value) => (/^https?:\/\/[^/\\]/i.test(value) && !/[\s\p{Cc}]/u.test(value) ? webUrl(value)?.href : undefined),
}

const SIGNING_KEY = /^(?:whsec_)?([A-Za-z0-9+/]{24,}={0,2})$/

/** Keys of Standard Webhooks, separated by spaces or commas. */
const signingKeys: Reader<readonly Buffer[]> = {
  expects: 'a key of Standard Webhooks, whsec_ and the base64 of 18 bytes or more, or two of them separated by a comma',
  read(text) {
    const keys = text.split(/[\s,]+/).map((key) => SIGNING_KEY.exec(key)?.[1])
    return keys.length <= 2 && keys.every((key) => key !== undefined)
      ? keys.map((key) => Buffer.from(key, 'base64'))
      : undefined
  },
}

const routingKey: Reader<string> = {
  expects: 'an integration key of letters and digits',
  read: (text) => (/^\w{1,64}$/.test(text) ? text : undefined),
}

const MAILBOX = /^[^\s@<>,;:"()[\]\\\p{Cc}]+@[^\s@<>,;:"()[\]\\\p{Cc}]+$/u

const mailbox: Reader<string> = {
  expects: 'an e-mail address such as ops@example.com',
  read: (text) => (MAILBOX.test(text) ? text : undefined),
}

/** E-mail addresses, separated by commas or spaces. */
export const mailboxes: Reader<readonly string[]> = {
  expects: 'a list of e-mail addresses, separated by commas',
  read(text) {
    const list = text.split(/[\s,;]+/).filter((entry) => entry !== '')
    return list.length > 0 && list.every((entry) => MAILBOX.test(entry)) ? list : undefined
  },
}

/** An e-mail address, which may have a name before it: `LLM Gateway <gateway@example.com>`. */
export const sender: Reader<string> = {
  expects: 'an e-mail address, or a name and an address such as Gateway <gateway@example.com>',
  read(text) {
    const [, address = text] = /^[^<>\p{Cc}]*<([^<>]+)>$/u.exec(text) ?? []
    return MAILBOX.test(address) ? text : undefined
  },
}

export const mailHost: Reader<string> = {
  expects: 'a host name or an address, without a port',
  read: (text) => (isIP(text) ? text : hostName.read(text)),
}

const events = z.array(field(oneOf(alertEvents))).min(1, 'must name at least one event')

const webhook = block({
  url: field(webhookUrl).optional(),
  format: field(oneOf(webhookFormats)).optional(),
  secret: field(signingKeys).optional(),
  routing_key: field(routingKey).optional(),
  events: events.optional(),
})
export type WebhookEntry = z.output<typeof webhook>

export const alertsBlock = block({
  thresholds: z.array(field(threshold)).min(1, 'must have at least one threshold').optional(),
  error_rate: block({
    ratio: field(ratio).optional(),
    window: field(window).optional(),
    min_calls: field(integer(1, 1_000_000_000)).optional(),
  }).optional(),
  webhooks: z.array(webhook).optional(),
  email: block({
    to: z.array(field(mailbox)).min(1, 'must have at least one address').optional(),
    events: events.optional(),
  }).optional(),
})
export type AlertsEntry = z.output<typeof alertsBlock>
