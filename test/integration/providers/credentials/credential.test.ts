import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Cancellation } from '../../../../src/domain/cancellation.ts'
import { type Clock, systemClock } from '../../../../src/domain/clock.ts'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import { type Credential, credentialId } from '../../../../src/providers/credentials/credential.ts'
import type { ProviderKind } from '../../../../src/providers/define.ts'
import { Connection } from '../../../../src/providers/http/connection.ts'
import { fetchJson } from '../../../../src/providers/http/fetch-json.ts'
import { createHttpClient, type HttpClient, type HttpRequest } from '../../../../src/providers/http/http-client.ts'
import { FakeClock, settle } from '../../../support/fake-clock.ts'
import { plainSettings, plainWire } from '../../../support/plain-wire.ts'
import { ScriptedUpstream } from '../../../support/scripted-upstream.ts'
import { startVendor, type VendorServer } from '../../../support/vendor-server.ts'

let vendor: VendorServer
let http: HttpClient
beforeAll(async () => {
  vendor = await startVendor()
  http = createHttpClient({ clock: systemClock, connectTimeout: 3_000, proxy: {} })
})
beforeEach(() => {
  vendor.requests.length = 0
  vendor.answer({ pieces: ['{"ok":true}'] })
})
afterAll(async () => {
  await http.close()
  await vendor.close()
})

const BODY = '{"say":"hello"}'

function signature(secret: string, path: string, body = ''): string {
  return createHmac('sha256', secret).update(`${path}\n${body}`).digest('hex')
}

/** Signs path and body; the signature is ready in a later turn. */
function signing(secret: string): Credential {
  return {
    id: credentialId(secret),
    headers: { 'x-account': 'a-1' },
    async authorize(request) {
      await settle()
      return {
        ...request,
        headers: { ...request.headers, 'x-signature': signature(secret, request.path, request.body) },
      }
    },
  }
}

function connect(credentials: ProviderKind['credentials'], upstream = http, clock: Clock = systemClock): Connection {
  const settings = plainSettings('p', vendor.url)
  const kind = { ...settings.kind, ...(credentials && { credentials }) }
  const catalogue = { facts: () => ({}), frozen: () => () => ({}), overrides: () => ({}), ids: () => [] }
  return new Connection({ ...settings, kind, keys: ['first', 'second'] }, plainWire, upstream, clock, catalogue)
}

function ask(connection: Connection, keyId = '', cancellation = new Cancellation()) {
  const request = connection.request('POST', { path: '/v1/x?y=1', body: BODY }, keyId)
  return fetchJson(connection, request, { model: 'm', timeout: 60_000, cancellation })
}

/** A clock, an upstream that counts what it is sent, and a request whose credential is not ready yet. */
function waitingForCredential() {
  const clock = new FakeClock()
  const upstream = new ScriptedUpstream(clock, () => ({ status: 200, contentType: 'application/json', steps: [] }))
  let authorize = (_request: HttpRequest) => {}
  const authorized = new Promise<HttpRequest>((resolve) => {
    authorize = resolve
  })
  const connection = connect(() => [{ id: 'x', headers: {}, authorize: () => authorized }], upstream, clock)
  const cancellation = new Cancellation()
  const reply = ask(connection, 'x', cancellation).then(
    () => expect.unreachable('it must fail'),
    (thrown: unknown) => GatewayError.from(thrown),
  )
  return { clock, upstream, cancellation, authorize, reply }
}

test('a key is sent in the header of its kind, chosen by its id', async () => {
  const connection = connect(undefined)
  expect(connection.keyIds).toEqual([credentialId('first'), credentialId('second')])
  await ask(connection, credentialId('second'))
  expect(vendor.requests[0]).toMatchObject({ headers: { authorization: 'Bearer second' }, body: BODY })
})

test('a credential may sign the whole request, later than in the turn of the call', async () => {
  const connection = connect(({ keys }) => keys.map(signing))
  await ask(connection, credentialId('second'))
  expect(vendor.requests).toMatchObject([
    {
      path: '/v1/x?y=1',
      headers: {
        'content-type': 'application/json',
        'x-account': 'a-1',
        'x-signature': signature('second', '/v1/x?y=1', BODY),
      },
      body: BODY,
    },
  ])
})

test('the failure of a credential is the failure of the attempt', async () => {
  const failure = new GatewayError('UPSTREAM_CREDENTIALS', 'The token was refused.')
  const connection = connect(() => [{ id: 'x', headers: {}, authorize: () => Promise.reject(failure) }])
  await expect(ask(connection)).rejects.toBe(failure)
  expect(vendor.requests).toEqual([])
})

test('a call that is cancelled while its credential is awaited sends nothing', async () => {
  const { clock, upstream, cancellation, authorize, reply } = waitingForCredential()
  cancellation.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
  expect(await reply).toMatchObject({ reason: 'CANCELLED' })
  authorize({ method: 'GET', origin: 'http://127.0.0.1:9', path: '/', headers: {} })
  await settle()
  expect(upstream.sent).toBe(0)
  expect(clock.waiting).toBe(0)
})

test('waiting for a credential counts as waiting for the vendor', async () => {
  const { clock, upstream, reply } = waitingForCredential()
  await clock.advance(60_000)
  expect(await reply).toMatchObject({ reason: 'UPSTREAM_TIMEOUT' })
  expect(upstream.sent).toBe(0)
})
