import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../../src/domain/clock.ts'
import { GatewayError } from '../../../../src/domain/errors/error.ts'
import type { KeyEvent } from '../../../../src/domain/ports/keys.ts'
import { Connection } from '../../../../src/providers/http/connection.ts'
import { createHttpClient } from '../../../../src/providers/http/http-client.ts'
import { createHttpProvider } from '../../../../src/providers/http-provider.ts'
import { kindNamed } from '../../../../src/providers/index.ts'
import { eventually } from '../../../support/eventually.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { startVendor, type VendorServer } from '../../../support/vendor-server.ts'

/* A quarantined key is tried against a real server; only the waiting is not real. */

let vendor: VendorServer
beforeAll(async () => {
  vendor = await startVendor()
})
afterAll(() => vendor.close())

function providerWith(keys: readonly string[]) {
  const kind = kindNamed('openai')
  if (!kind?.wire) throw new Error('the kind has a wire')
  const clock = new FakeClock()
  const upstream = createHttpClient({ clock: systemClock, connectTimeout: 3_000, proxy: {} })
  const timeout = { connect: 3_000, firstToken: 5_000, idle: 5_000, total: 5_000 }
  const settings = { name: 'p', kind, baseUrl: vendor.url, keys, headers: {}, timeout, streamUnary: false, options: {} }
  const catalogue = { facts: () => ({}), frozen: () => () => ({}), overrides: () => ({}), ids: () => [] }
  let reported = (_event: KeyEvent) => {}
  const provider = createHttpProvider(new Connection(settings, kind.wire, upstream, clock, catalogue), {
    keyChanged: (event) => reported(event),
  })
  const refused = new GatewayError('UPSTREAM_CREDENTIALS', 'no')
  return {
    clock,
    provider,
    quarantine: () =>
      void provider.keys?.take({ model: 'm', task: 'chat' }, () => ({ caller: 'c', request: 'r' }))?.end(refused),
    nextEvent: () =>
      new Promise<KeyEvent>((resolve) => {
        reported = resolve
      }),
    probeAt: () => provider.keys?.list()[0]?.probeAt,
    stateOf: (index: number) => provider.keys?.list()[index]?.state,
  }
}

/** Settles when this many requests have come. */
function requests(count: number): Promise<void> {
  return eventually(() => vendor.requests.length >= count)
}

test('it lists the models with that key, and is used again when the vendor takes it', async () => {
  const { clock, provider, quarantine, nextEvent, stateOf, probeAt } = providerWith(['first', 'second'])
  vendor.requests.length = 0
  vendor.answer({ status: 401, pieces: ['{"error":{"code":"invalid_api_key"}}'] })
  quarantine()
  expect(stateOf(0)).toBe('quarantined')
  await clock.advance(30_000)
  await requests(1)
  expect(vendor.requests[0]).toMatchObject({
    method: 'GET',
    path: '/models',
    headers: { authorization: 'Bearer first' },
  })
  // The refusal is on its way: only then is the next trial's time known.
  await eventually(() => (probeAt() ?? 0) > clock.wall())
  expect(stateOf(0)).toBe('quarantined')

  vendor.answer({ pieces: ['{"data":[{"id":"a"}]}'] })
  const event = nextEvent()
  await clock.advance(60_000)
  expect(await event).toMatchObject({ provider: 'p', change: 'recovered' })
  expect(vendor.requests[1]).toMatchObject({ headers: { authorization: 'Bearer first' } })
  expect(stateOf(0)).toBe('available')
  await provider.close()
})

test('meanwhile the models are listed with a key that is in use', async () => {
  const { provider, quarantine } = providerWith(['first', 'second'])
  vendor.requests.length = 0
  vendor.answer({ pieces: ['{"data":[{"id":"a"}]}'] })
  quarantine()
  expect(await provider.listModels(5_000)).toEqual(['a'])
  expect(vendor.requests[0]).toMatchObject({ headers: { authorization: 'Bearer second' } })
  await provider.close()
})
