import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { HealthCheckService, LlmGateway, ServingStatus } from '../../../src/domain/types.ts'
import { healthEndpoints } from '../../../src/server/endpoints.ts'
import { probe } from '../../../src/server/grpc/probe.ts'
import { HealthServer } from '../../../src/server/health-server.ts'
import { eventually } from '../../support/eventually.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { RawHttp2 } from '../../support/raw-http2.ts'
import { serverOptions } from '../../support/server-options.ts'
import { makeTlsFiles, type TlsFiles } from '../../support/tls-files.ts'

/* The server for probes. */

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function open(rest: Parameters<typeof serverOptions>[1] = {}) {
  const { options, health } = serverOptions({}, rest)
  const server = new HealthServer({ ...options, endpoints: healthEndpoints(health), ready: () => health.serving })
  const port = await server.listen()
  ends.push(() => server.close())
  return { server, health, port, url: `http://127.0.0.1:${port}`, address: `127.0.0.1:${port}` }
}

function client(address: string): GrpcClient {
  const made = new GrpcClient(address)
  ends.push(() => made.close())
  return made
}

/** Everything that the server answers to these bytes until it closes the connection. */
function answerTo(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let read = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      read += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(read))
  })
}

const check = HealthCheckService.method.check

describe('on one port in cleartext', () => {
  test('gRPC health checks and watches are answered', async () => {
    const { health, address } = await open()
    const grpc = client(address)
    expect((await grpc.unary(check, {})).value?.status).toBe(ServingStatus.NOT_SERVING)
    expect((await grpc.unary(check, { service: 'live' })).value?.status).toBe(ServingStatus.SERVING)
    const stop = new AbortController()
    const seen: unknown[] = []
    const watching = grpc.stream(
      HealthCheckService.method.watch,
      {},
      { signal: stop.signal, onMessage: (message) => seen.push(message) },
    )
    await eventually(() => expect(seen).toMatchObject([{ status: ServingStatus.NOT_SERVING }]))
    health.setServing(true)
    await eventually(() => expect(seen).toMatchObject([{}, { status: ServingStatus.SERVING }]))
    stop.abort()
    await watching
    expect(await probe(address)).toBe(true)
  })

  test('/healthz and /readyz are answered over HTTP/1.1, under every host name and to every origin', async () => {
    const { health, url } = await open()
    const headers = { origin: 'https://elsewhere.example' }
    const status = async (path: string) => (await fetch(url + path, { headers })).status
    expect([await status('/healthz'), await status('/readyz?x=1')]).toEqual([200, 503])
    health.setServing(true)
    expect(await status('/readyz')).toBe(200)
    const { port } = new URL(url)
    expect(await answerTo(Number(port), 'GET /readyz HTTP/1.1\r\nhost: evil.example\r\n\r\n')).toMatch(
      /^HTTP\/1.1 200 /,
    )
  })

  test('nothing else is served', async () => {
    const { address, url } = await open()
    expect((await client(address).unary(LlmGateway.method.stats, {})).error?.code).toBe('UNIMPLEMENTED')
    for (const path of ['/', '/metrics', '/llmgateway.v1.LlmGateway/Stats']) {
      expect((await fetch(url + path)).status).toBe(404)
      expect((await fetch(url + path, { method: 'POST', body: '{}' })).status).toBe(404)
    }
  })
})

describe('a client that costs more than a probe', () => {
  test('has each HTTP/1.1 connection closed with its answer, and reads no body', async () => {
    const { port } = await open()
    const twice = 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(2)
    expect((await answerTo(port, twice)).match(/HTTP\/1\.1 /g)).toHaveLength(1)
    const upload = 'POST /healthz HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\n\r\n'
    expect(await answerTo(port, upload)).not.toContain('100 Continue')
  })

  test.each([
    ['says nothing', ''],
    ['stops in its headers', 'GET /healthz HTTP/1.1\r\nhost: '],
    ['begins HTTP/2 and goes silent', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('is disconnected when it %s', async (_, text) => {
    const { port, server } = await open({ readTimeout: 200 })
    expect(await answerTo(port, text)).not.toContain('200 OK')
    await eventually(() => expect(server.openConnections).toBe(0))
  })

  test('takes no more connections than there are, and others are still answered', async () => {
    const { port, server, url } = await open()
    const sockets = Array.from({ length: 400 }, () => connect(port, '127.0.0.1'))
    for (const socket of sockets) socket.on('error', () => {})
    ends.push(() => {
      for (const socket of sockets) socket.destroy()
    })
    await eventually(() => expect(sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThanOrEqual(144))
    expect(server.openConnections).toBeLessThanOrEqual(256)
    for (const socket of sockets.slice(0, 100)) socket.destroy()
    await eventually(async () => expect((await fetch(`${url}/healthz`)).status).toBe(200))
  })

  test('may not send large messages', async () => {
    const { address } = await open()
    const { error } = await client(address).unary(check, { service: 'x'.repeat(8_000) })
    expect(error?.code).toBe('RESOURCE_EXHAUSTED')
  })

  test('is refused what breaks HTTP/2', async () => {
    const { port } = await open()
    const raw = new RawHttp2(port)
    raw.socket.write(Buffer.alloc(64, 0xff))
    await raw.closed
  })
})

describe('a gateway with TLS that wants certificates of its clients', () => {
  test('answers probes in cleartext, also while it ends, and nobody without a certificate elsewhere', async () => {
    const files = makeTlsFiles()
    const gateway = await startTls(files)
    const health = String((await gateway.logged((line) => line['message'] === 'ready'))['health'])
    expect(await probe(health)).toBe(true)
    expect((await fetch(`http://${health}/readyz`)).status).toBe(200)
    expect(await probe(gateway.grpc)).toBe(false)
    expect(await probe(gateway.grpc, { tls: { ca: files.ca } })).toBe(false)
    expect(await probe(gateway.grpc, { tls: files })).toBe(true)
    await expect(fetch(`${gateway.http}/readyz`)).rejects.toThrow()
    gateway.signal('SIGTERM')
    await gateway.logged((line) => line['message'] === 'shutting down')
    await eventually(async () => expect((await fetch(`http://${health}/readyz`)).status).toBe(503))
    expect((await client(health).unary(check, { service: 'live' })).value?.status).toBe(ServingStatus.SERVING)
    expect(await gateway.exited).toBe(0)
  })

  test('`llm-gateway health` asks the health server as it asks any other', async () => {
    const gateway = await startTls(makeTlsFiles())
    const health = String((await gateway.logged((line) => line['message'] === 'ready'))['health'])
    expect(() => runHealth(health)).not.toThrow()
    expect(() => runHealth(gateway.grpc)).toThrow()
  })
})

function runHealth(address: string): void {
  execFileSync(process.execPath, ['--import', 'tsx', 'src/main.ts', 'health', address], { stdio: 'ignore' })
}

async function startTls({ ca, cert, key }: TlsFiles): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'health-'))
  ends.push(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries({ ca, cert, key })) writeFileSync(join(folder, name), content)
  const path = (name: string) => join(folder, name)
  const gateway = await startGateway({
    yaml: `
server:
  drain: 5s
  tls: { cert: ${path('cert')}, key: ${path('key')}, client_ca: ${path('ca')} }
providers: { simulator: {} }
`,
    env: { LLM_GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0' },
  })
  ends.push(() => gateway.close())
  return gateway
}
