import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { Connection } from '../../../src/providers/http/connection.ts'
import { createHttpClient } from '../../../src/providers/http/http-client.ts'
import { createHttpProvider } from '../../../src/providers/http-provider.ts'
import { kindNamed } from '../../../src/providers/index.ts'
import { startVendor, type VendorServer } from '../../support/vendor-server.ts'

let vendor: VendorServer
beforeAll(async () => {
  vendor = await startVendor()
})
afterAll(() => vendor.close())

const providerOf = (kind: string, options: Readonly<Record<string, unknown>>) => {
  const found = kindNamed(kind)
  if (!found?.wire) throw new Error(`no wire for ${kind}`)
  const upstream = createHttpClient({ clock: systemClock, connectTimeout: 3000, proxy: {} })
  const provider = {
    name: kind,
    kind: found,
    baseUrl: `${vendor.url}/base`,
    keys: ['secret'],
    headers: { 'x-extra': 'v' },
    timeout: { connect: 3000, firstToken: 5000, idle: 5000, total: 5000 },
    streamUnary: false,
    options,
  }
  return createHttpProvider(
    new Connection(provider, found.wire, upstream, systemClock, {
      facts: () => ({}),
      frozen: () => () => ({}),
      overrides: () => ({}),
      ids: () => [],
    }),
  )
}

it.each([
  ['openai', {}, '/base/models', { authorization: 'Bearer secret' }],
  ['azure', { api_version: '2024-10-21' }, '/base/openai/models?api-version=2024-10-21', { 'api-key': 'secret' }],
])('%s lists its models with its key', async (kind, options, path, headers) => {
  vendor.answer({ pieces: ['{"data":[{"id":"a"}]}'] })
  const provider = providerOf(kind, options)
  expect(await provider.listModels(5000)).toEqual(['a'])
  await provider.close()
  expect(vendor.requests.at(-1)).toMatchObject({ method: 'GET', path, headers: { ...headers, 'x-extra': 'v' } })
})
