import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../../src/domain/clock.ts'
import { createHttpClient, type HttpClient } from '../../../../src/providers/http/http-client.ts'
import { createHttpPost } from '../../../../src/providers/http/http-post.ts'
import type { Alert } from '../../../../src/telemetry/alerts/alert.ts'
import { webhookReceiver } from '../../../../src/telemetry/alerts/receivers/webhook.ts'
import type { WebhookSettings } from '../../../../src/telemetry/alerts/settings.ts'
import { freePort } from '../../../support/ports.ts'
import { json, type Reply, startUpstream, type UpstreamServer } from '../../../support/upstream-server.ts'

const alert: Alert = {
  id: 'alert_1',
  event: 'breaker_open',
  severity: 'warning',
  time: Date.UTC(2026, 10, 29),
  subject: 'one/small',
  summary: 'one/small keeps failing: its breaker is open',
  data: { subject: 'one/small', provider: 'one', model: 'small' },
}

let server: UpstreamServer
let client: HttpClient

beforeEach(async () => {
  server = await startUpstream(json({ ok: true }))
  client = createHttpClient({ clock: systemClock, connectTimeout: 20_000, proxy: {} })
})

afterEach(async () => {
  await client.close()
  await server.close()
})

function receiver(some: Partial<WebhookSettings> = {}, timeout = 20_000) {
  const settings = {
    format: 'generic',
    url: `${server.url}/hook/secret-part`,
    signingKeys: [],
    events: [],
    ...some,
  } as const
  return webhookReceiver('hook', settings, {
    post: createHttpPost(client, systemClock, timeout),
    now: () => Date.now(),
  })
}

test('a signed webhook is one that the library of Standard Webhooks accepts, with either of two keys', async () => {
  const [old, next] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const { ok } = await receiver({ signingKeys: [old, next] }).deliver({ alert })
  expect(ok).toBe(true)
  const [hit] = server.hits
  const headers = hit?.headers as Record<string, string> // Each of these headers came once.
  for (const key of [old, next]) {
    expect(new Webhook(`whsec_${key.toString('base64')}`).verify(hit?.body ?? '', headers)).toEqual({
      id: 'alert_1',
      type: 'breaker_open',
      time: '2026-11-29T00:00:00.000Z',
      data: { subject: 'one/small', provider: 'one', model: 'small' },
    })
  }
  const other = new Webhook(`whsec_${Buffer.alloc(32, 3).toString('base64')}`)
  expect(() => other.verify(hit?.body ?? '', headers)).toThrow()
  expect(hit?.headers['webhook-id']).toBe('alert_1')
  expect(hit?.path).toBe('/hook/secret-part')
})

test.each<[name: string, reply: Reply, delivery: object]>([
  ['200', json({ ok: true }), { ok: true, message: 'HTTP 200: {"ok":true}' }],
  ['204', ({ response }) => response.writeHead(204).end(), { ok: true, message: 'HTTP 204' }],
  ['500', json('oh no', 500), { ok: false, message: 'HTTP 500: oh no' }],
  [
    '429 with Retry-After',
    json('', 429, { 'retry-after': '7' }),
    { ok: false, message: 'HTTP 429', retryAfter: 7_000 },
  ],
  [
    '503 with Retry-After',
    json('', 503, { 'retry-after': '9' }),
    { ok: false, message: 'HTTP 503', retryAfter: 9_000 },
  ],
  ['400', json('invalid_payload', 400), { ok: false, refused: true, message: 'HTTP 400: invalid_payload' }],
  ['410', json('', 410), { ok: false, refused: true, message: 'HTTP 410' }],
  [
    'a closed connection',
    ({ socket }) => socket.destroy(),
    { ok: false, message: expect.stringMatching(/^it cannot be reached \(\w+\)$/) },
  ],
  [
    'no HTTP',
    ({ socket }) => socket.end('SSH-2.0-x\r\n'),
    { ok: false, message: expect.stringMatching(/^it cannot be reached/) },
  ],
])('what becomes of %s', async (_name, reply, delivery) => {
  server.answer(reply)
  expect(await receiver().deliver({ alert })).toEqual(delivery)
})

test.each([301, 302, 307, 308])('a redirect (%s) is refused, and not followed', async (status) => {
  const elsewhere = await startUpstream(json({}))
  server.answer(json('', status, { location: elsewhere.url }))
  expect(await receiver().deliver({ alert })).toEqual({
    ok: false,
    refused: true,
    message: `HTTP ${status}: redirects are not followed, configure the final address`,
  })
  expect(elsewhere.hits).toEqual([])
  await elsewhere.close()
})

test('a server that hangs is given up, and its connection closed', async () => {
  server.answer(() => {})
  const hit = server.nextHit()
  expect(await receiver({}, 100).deliver({ alert })).toEqual({ ok: false, message: 'no reply within 0.1 s' })
  await (await hit).closed
})

test('a server that begins a reply and hangs has replied', async () => {
  server.answer(({ response }) => response.writeHead(200).write('take'))
  expect(await receiver({}, 500).deliver({ alert })).toEqual({ ok: true, message: 'HTTP 200: take' })
})

test('an endless reply is read no further than it is shown', async () => {
  server.answer(({ response }) => {
    response.writeHead(500)
    const more = () => {
      while (response.write('x'.repeat(1000))) if (response.destroyed) return
      response.once('drain', more)
    }
    more()
  })
  const { message } = await receiver().deliver({ alert })
  expect(message).toBe(`HTTP 500: ${'x'.repeat(200)}`)
})

test('a port where nobody listens is reported without its URL', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const { ok, message } = await receiver({ url: `${url}/hook/secret-part` }).deliver({ alert })
  expect(ok).toBe(false)
  expect(message).toBe('it cannot be reached (ECONNREFUSED)')
})

test('a reply that repeats the secret is shown without it', async () => {
  server.answer(json('no such hook: /hook/secret-part?key=1, key R0UT1NGKEY', 404))
  const url = `${server.url}/hook/secret-part`
  const { message } = await receiver({ url, format: 'pagerduty', routingKey: 'R0UT1NGKEY' }).deliver({ alert })
  expect(message).toBe('HTTP 404: no such hook: ****?key=1, key ****')
})
