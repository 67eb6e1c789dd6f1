import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'

/* Row 9: what a web page of somebody else can reach, by its own origin or by DNS rebinding. */

const PATHS = [
  '/llmgateway.v1.LlmGateway/Chat',
  '/llmgateway.v1.LlmGatewayAdmin/ListProviders',
  '/llmgateway.v1.LlmGatewayAdmin/ClearCache',
]
const KEY = 'web-key-0123456789abcdef'

let open: RunningGateway
let guarded: RunningGateway

beforeAll(async () => {
  open = await startGateway({
    yaml: 'server: { hosts: [gateway.example.com], cors: { origins: ["https://app.test"] } }\nproviders: { sim: { kind: simulator } }',
  })
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
  const auth = 'auth: { keys: [{ name: web, key: "${WEB_KEY}", admin: true }] }'
  guarded = await startGateway({ yaml: `${auth}\nproviders: { sim: { kind: simulator } }`, env: { WEB_KEY: KEY } })
})

afterAll(async () => {
  await open.close()
  await guarded.close()
})

/** The status of a request with headers that fetch would not send. */
function statusOf(url: string, headers: Readonly<Record<string, string>>, method = 'POST'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { 'content-type': 'application/json', ...headers } }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end(method === 'POST' ? '{}' : undefined)
  })
}

describe.each(['gRPC', 'HTTP'] as const)('row 9: a page of somebody else', (kind) => {
  it(`is refused while another caller is answered at the ${kind} server`, async () => {
    const clientOf = ({ grpc, http }: RunningGateway) =>
      kind === 'gRPC' ? new GrpcClient(grpc) : new ConnectClient(http)
    for (const gateway of [open, guarded]) {
      const client = clientOf(gateway)
      const foreign = PATHS.map((path) =>
        statusOf(gateway.http + path, { host: '127.0.0.1', origin: 'https://evil.example' }),
      )
      // By its name in DNS the page has the origin of the server: then it is the credential that it lacks.
      const rebound = PATHS.map((path) =>
        statusOf(gateway.http + path, { host: 'evil.example', origin: 'https://evil.example' }),
      )
      const metadata = { authorization: `Bearer ${KEY}` }
      expect((await chat(client, { model: 'sim/echo' }, { metadata })).value?.message?.content).toBe('hi')
      expect(new Set(await Promise.all(foreign))).toEqual(new Set([403]))
      expect(new Set(await Promise.all(rebound))).toEqual(new Set([gateway === open ? 403 : 401]))
      client.close()
    }
  })
})

describe('without authentication', () => {
  it.each(PATHS)('a foreign name in Host is refused at %s', async (path) => {
    expect(await statusOf(open.http + path, { host: 'evil.example' })).toBe(403)
    expect(await statusOf(open.http + path, { host: 'localhost' })).not.toBe(403)
    expect(await statusOf(open.http + path, { host: 'gateway.example.com' })).not.toBe(403)
  })

  it('probes are answered under every name', async () => {
    expect(
      await statusOf(`${open.http}/healthz`, { host: 'evil.example', origin: 'https://evil.example' }, 'GET'),
    ).toBe(200)
    expect(await statusOf(`${open.http}/readyz`, { host: 'evil.example' }, 'GET')).toBe(200)
  })
})

describe('with authentication', () => {
  it('every name in Host is answered, and a foreign origin is not, not even with a key', async () => {
    const key = { 'x-api-key': KEY }
    const path = guarded.http + (PATHS[1] ?? '')
    expect(await statusOf(path, { ...key, host: 'any.example' })).toBe(200)
    expect(await statusOf(path, { ...key, origin: 'https://evil.example' })).toBe(403)
  })
})

describe.each(PATHS)('an origin at %s', (path) => {
  it('that is foreign is refused, and one of cors.origins is not', async () => {
    expect(await statusOf(open.http + path, { origin: 'https://evil.example' })).toBe(403)
    expect(await statusOf(open.http + path, { origin: 'null' })).toBe(403)
    expect(await statusOf(open.http + path, { origin: 'https://app.test' })).not.toBe(403)
    expect(await statusOf(open.http + path, { origin: open.http })).not.toBe(403)
  })
})

it('the metrics are refused to foreign names and origins', async () => {
  expect(await statusOf(open.metrics, { host: 'evil.example' }, 'GET')).toBe(403)
  expect(await statusOf(open.metrics, { origin: 'https://evil.example' }, 'GET')).toBe(403)
  expect(await statusOf(open.metrics, { host: 'llm-gateway:9464' }, 'GET')).toBe(200)
  expect(await statusOf(open.metrics, { host: '10.1.2.3:9464' }, 'GET')).toBe(200)
  expect(await statusOf(open.metrics, { host: 'gateway.example.com' }, 'GET')).toBe(200)
})
