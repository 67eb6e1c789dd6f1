import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterEach, expect, test } from 'vitest'
import type { Alert } from '../../../../src/telemetry/alerts/alert.ts'
import { emailReceiver } from '../../../../src/telemetry/alerts/receivers/email.ts'
import type { MailServer } from '../../../../src/telemetry/alerts/settings.ts'
import { selfSigned } from '../../../support/certificates.ts'
import { freePort } from '../../../support/ports.ts'

const alert: Alert = {
  id: 'alert_1',
  event: 'budget_exceeded',
  severity: 'critical',
  time: Date.UTC(2026, 10, 29),
  subject: 'web/ann',
  summary: 'The budget users of web/änn\r\nBcc: everybody@example.com is exceeded',
  data: { budget: 'users', subject: 'web/ann', spent_usd: 2, limit_usd: 2, resets_at: null },
}

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  readonly secure: boolean
}

/** A real mail server. It keeps what it takes. */
async function mailServer(options: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    // Without a certificate of its own it offers no STARTTLS.
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom ? mailFrom.address : ''
        const text = Buffer.concat(chunks).toString()
        mails.push({ from, to: rcptTo.map(({ address }) => address), text, secure: session.secure })
        done()
      })
    },
    ...options,
  })
  // What clients do is what the tests are about.
  server.on('error', () => {})
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  closing.push(() => new Promise((resolve) => server.close(() => resolve())))
  const address = listening.address()
  return { mails, port: typeof address === 'object' && address ? address.port : 0 }
}

async function send(server: Partial<MailServer> & { port: number }, to = ['ops@example.com', 'boss@example.com']) {
  const settings = {
    to,
    from: 'Gateway <g@example.com>',
    events: [],
    server: { host: '127.0.0.1', tls: false, ...server },
  }
  const receiver = await emailReceiver(settings)
  return receiver.deliver({ alert })
}

test('an alert arrives as plain text, and its subject stays one line', async () => {
  const { mails, port } = await mailServer()
  expect(await send({ port })).toEqual({ ok: true, message: expect.stringMatching(/^250 /) })
  expect(mails).toHaveLength(1)
  const { from, to, text } = mails[0] ?? { text: '' }
  expect({ from, to }).toEqual({ from: 'g@example.com', to: ['ops@example.com', 'boss@example.com'] })
  expect(text).toMatch(/^Message-ID: <alert_1@/im)
  expect(text).toMatch(/^Auto-Submitted: auto-generated/im)
  expect(text).toContain('Limit: $2.00')
  const [headers = ''] = text.split('\r\n\r\n')
  expect(headers).toMatch(/^Subject: /m)
  expect(headers).not.toMatch(/^Bcc:/im)
})

test('a login is sent only over TLS, unless TLS is turned off', async () => {
  const logins: string[] = []
  const options: SMTPServerOptions = {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth({ username = '', password }, _session, done) {
      logins.push(`${username}:${password}`)
      if (password === 'right') done(null, { user: username })
      else done(new Error('wrong'))
    },
  }
  const { mails, port } = await mailServer(options)
  const login = { user: 'me', password: 'right' }
  expect(await send({ port, login, tls: true })).toMatchObject({ ok: false })
  expect(logins).toEqual([])
  expect(await send({ port, login })).toMatchObject({ ok: true })
  expect(await send({ port, login: { user: 'me', password: 'wrong' } })).toMatchObject({ ok: false, refused: true })
  expect(logins).toEqual(['me:right', 'me:wrong'])
  expect(mails).toHaveLength(1)
})

test('a server that does not offer TLS gets nothing where TLS is required', async () => {
  const { mails, port } = await mailServer()
  const { ok, message } = await send({ port, tls: true })
  expect(ok).toBe(false)
  expect(message).toMatch(/^TLS is not offered or failed.*SMTP_TLS=false/)
  expect(mails).toEqual([])
})

test('STARTTLS: an unknown certificate is refused, unless TLS is turned off', async () => {
  const { key, cert } = selfSigned('DNS:localhost')
  const { mails, port } = await mailServer({ disabledCommands: [], key, cert })
  expect(await send({ port, tls: true })).toMatchObject({ ok: false, message: expect.stringContaining('certificate') })
  expect(mails).toEqual([])
  expect(await send({ port })).toMatchObject({ ok: true })
  expect(mails).toMatchObject([{ secure: true }])
})

test('a server that wants STARTTLS first gets it', async () => {
  const { key, cert } = selfSigned('DNS:localhost')
  const options: SMTPServerOptions = {
    disabledCommands: [],
    key,
    cert,
    onMailFrom(_address, session, done) {
      if (session.secure) done()
      else done(Object.assign(new Error('Must issue a STARTTLS command first'), { responseCode: 530 }))
    },
  }
  const { mails, port } = await mailServer(options)
  expect(await send({ port })).toMatchObject({ ok: true })
  expect(mails).toMatchObject([{ secure: true }])
})

test('a server that refuses is reported with what it said, and whether it may change its mind', async () => {
  const refusing = (responseCode: number, text: string): SMTPServerOptions => ({
    onRcptTo: (_address, _session, done) => done(Object.assign(new Error(text), { responseCode })),
  })
  const never = await mailServer(refusing(550, 'No such user'))
  expect(await send({ port: never.port })).toEqual({
    ok: false,
    refused: true,
    message: expect.stringContaining('550 No such user'),
  })
  const later = await mailServer(refusing(451, 'Greylisted, come back'))
  expect(await send({ port: later.port })).toEqual({ ok: false, message: expect.stringContaining('451 Greylisted') })
})

test('a recipient who is refused keeps it from nobody else', async () => {
  const { mails, port } = await mailServer({
    onRcptTo({ address }, _session, done) {
      if (address === 'ops@example.com') done()
      else done(Object.assign(new Error('No such user'), { responseCode: 550 }))
    },
  })
  expect(await send({ port })).toMatchObject({
    ok: true,
    message: expect.stringContaining('1 of 2 recipients refused'),
  })
  expect(mails).toMatchObject([{ to: ['ops@example.com'] }])
})

test.each<[name: string, serve: (socket: Socket) => void]>([
  ['drops the line at once', (socket) => socket.destroy()],
  ['drops the line after its greeting', (socket) => socket.write('220 hello\r\n', () => socket.destroy())],
  ['speaks something else', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
])('a server that %s is a failure', async (_name, serve) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => new Promise((resolve) => server.close(() => resolve())))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const { ok, message } = await send({ port })
  expect(ok).toBe(false)
  expect(message).not.toBe('')
})

test('a port where nobody listens is a failure', async () => {
  expect(await send({ port: await freePort() })).toEqual({
    ok: false,
    message: expect.stringMatching(/^it cannot be reached \(.*ECONNREFUSED/),
  })
})
