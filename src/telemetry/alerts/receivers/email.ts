import { hostname } from 'node:os'
import type { Transporter } from 'nodemailer'
import type { Alert } from '../alert.ts'
import { type EmailSettings, type MailServer, SMTPS_PORT } from '../settings.ts'
import { factsOf } from './alert-facts.ts'
import type { Delivery, Receiver } from './receiver.ts'

/** Limits for a connection, a greeting and silence, in ms. */
const CONNECT_TIMEOUT = 5_000
const GREETING_TIMEOUT = 10_000
const SILENCE_TIMEOUT = 10_000
/** Longest part of a server's reply that is shown. */
const MAX_SHOWN = 200

/** Sends alerts by e-mail. The package is loaded here only: that takes a tenth of a second. */
export async function emailReceiver(settings: EmailSettings): Promise<Receiver> {
  const { createTransport } = await import('nodemailer')
  const transport = createTransport(optionsOf(settings.server))
  return {
    name: 'email',
    events: settings.events,
    takesResolved: false,
    needsRepeats: false,
    deliver: ({ alert }) => send(transport, settings, alert),
  }
}

function optionsOf({ host, port, login, tls }: MailServer) {
  return {
    host,
    port,
    secure: tls && port === SMTPS_PORT,
    // Without it, TLS is used where it works, as mail servers do among themselves.
    ...(tls ? { requireTLS: true } : { opportunisticTLS: true, tls: { rejectUnauthorized: false } }),
    ...(login && { auth: { user: login.user, pass: login.password } }),
    connectionTimeout: CONNECT_TIMEOUT,
    greetingTimeout: GREETING_TIMEOUT,
    socketTimeout: SILENCE_TIMEOUT,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

async function send(
  transport: Transporter,
  { to, from = `llm-gateway@${hostname()}` }: EmailSettings,
  alert: Alert,
): Promise<Delivery> {
  try {
    const { response = '', rejected = [] } = await transport.sendMail({
      from,
      to: [...to],
      subject: `[LLM Gateway] ${alert.summary}`,
      text: textOf(alert),
      messageId: `<${alert.id}@${hostname()}>`,
      date: new Date(alert.time),
      // Keeps out-of-office replies away: https://www.rfc-editor.org/rfc/rfc3834
      headers: { 'auto-submitted': 'auto-generated' },
    })
    const message = shown(response)
    return rejected.length === 0
      ? { ok: true, message }
      : { ok: true, message: `${message}, ${rejected.length} of ${to.length} recipients refused` }
  } catch (error) {
    return failure(error)
  }
}

function textOf(alert: Alert): string {
  const facts = factsOf(alert).map(([name, value]) => `${name}: ${value}`)
  const time = new Date(alert.time).toISOString()
  return [alert.summary, '', ...facts, '', `${alert.event}, ${time}`, alert.id, ''].join('\n')
}

/** A reply in the 500s says that a repetition would be refused, too. https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1 */
function failure(thrown: unknown): Delivery {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code, response, responseCode }: Readonly<Record<string, unknown>> = { ...error }
  const refused = typeof responseCode === 'number' && responseCode >= 500
  const said = shown(typeof response === 'string' ? response : error.message)
  const known = advice[String(code)]
  const message = known ? `${known} (${said})` : typeof response === 'string' ? said : `it cannot be reached (${said})`
  return { ok: false, message, ...(refused && { refused }) }
}

/** What to do about nodemailer's codes. */
const advice: Readonly<Record<string, string>> = {
  ETLS: 'TLS is not offered or failed: check SMTP_PORT, or set SMTP_TLS=false',
  EAUTH: 'the login failed: check SMTP_USERNAME and SMTP_PASSWORD',
}

function shown(response: string): string {
  return response
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_SHOWN)
}
