import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../../src/domain/clock.ts'
import { createHttpClient, type HttpClient, type HttpReplyHandler } from '../../../../src/providers/http/http-client.ts'
import type { ProxySettings } from '../../../../src/providers/settings.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { runProcess } from '../../../support/process.ts'
import { makeTlsFiles } from '../../../support/tls-files.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function listening<S extends Server>(server: S): Promise<{ server: S; port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  closing.push(() => server.closeAllConnections())
  return { server, port: (server.address() as AddressInfo).port } // it listens on TCP
}

function upstreamWith(proxy: ProxySettings = {}, clock = systemClock): HttpClient {
  const upstream = createHttpClient({ clock, connectTimeout: 3_000, proxy })
  closing.push(() => upstream.close())
  return upstream
}

/** The status and the body of one GET, or the code of its error. */
function get(
  upstream: HttpClient,
  origin: string,
  sent: (onFreshConnection: boolean) => void = () => {},
): Promise<string> {
  return new Promise((resolve) => {
    let reply = ''
    const handler: HttpReplyHandler = {
      sent,
      start: (status) => {
        reply = `${status} `
      },
      data: (chunk) => {
        reply += chunk.toString()
      },
      end: () => resolve(reply),
      fail: (error) => resolve('code' in error ? String(error.code) : error.message),
    }
    upstream.send({ method: 'GET', origin, path: '/', headers: { 'accept-encoding': 'identity' } }, handler)
  })
}

/** A proxy that tunnels, and remembers where to. */
async function startProxy() {
  const tunnels: string[] = []
  const server = createServer((_, response) => response.writeHead(405).end())
  server.on('connect', (request, socket: Socket) => {
    tunnels.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    for (const end of [socket, onward]) end.on('error', () => end.destroy())
  })
  const { port } = await listening(server)
  return { tunnels, url: `http://127.0.0.1:${port}` }
}

test('requests go through the proxy of their scheme, but for the hosts that are left out', async () => {
  const { port } = await listening(createServer((_, response) => response.end('hello')))
  const { tunnels, url } = await startProxy()
  const origin = `http://127.0.0.1:${port}`
  expect(await get(upstreamWith({ http: url }), origin)).toBe('200 hello')
  expect(tunnels).toEqual([`127.0.0.1:${port}`])
  expect(await get(upstreamWith({ http: url, no: '127.0.0.1' }), origin)).toBe('200 hello')
  expect(await get(upstreamWith({ https: url }), origin)).toBe('200 hello')
  expect(tunnels).toHaveLength(1)
})

test('connections are used again', async () => {
  const { server, port } = await listening(createServer((_, response) => response.end('hello')))
  let connections = 0
  server.on('connection', () => connections++)
  const upstream = upstreamWith()
  for (let call = 0; call < 20; call++) expect(await get(upstream, `http://127.0.0.1:${port}`)).toBe('200 hello')
  // A request that is sent in the turn in which a reply ends finds its connection still taken.
  expect(connections).toBeLessThanOrEqual(2)
})

test('it is told which requests are the first on their connection', async () => {
  const { server, port } = await listening(createServer((_, response) => response.end('hello')))
  let connections = 0
  server.on('connection', () => connections++)
  const upstream = upstreamWith()
  const fresh: boolean[] = []
  const ask = () => get(upstream, `http://127.0.0.1:${port}`, (isFirst) => fresh.push(isFirst))
  await Promise.all([ask(), ask(), ask()])
  expect(fresh).toEqual([true, true, true])
  for (let call = 0; call < 10; call++) {
    await ask()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(fresh.filter((isFirst) => isFirst)).toHaveLength(connections)
  expect(fresh).toContain(false)
})

test('connections through a proxy are used again, and known to be', async () => {
  const { port } = await listening(createServer((_, response) => response.end('hello')))
  const { tunnels, url } = await startProxy()
  const upstream = upstreamWith({ http: url })
  const fresh: boolean[] = []
  for (let call = 0; call < 10; call++) {
    await get(upstream, `http://127.0.0.1:${port}`, (isFirst) => fresh.push(isFirst))
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(fresh.filter((isFirst) => isFirst)).toHaveLength(tunnels.length)
  expect(fresh).toContain(false)
})

test('an aborted request closes its socket and says nothing more, before its reply and in the midst of it', async () => {
  let closed = 0
  const { server, port } = await listening(
    createServer((request, response) => {
      request.socket.once('close', () => closed++)
      if (request.url === '/begin') response.write('begin')
    }),
  )
  const upstream = upstreamWith()
  for (const path of ['/silent', '/begin']) {
    const said: string[] = []
    const arrived = once(server, 'request')
    const begun = new Promise<void>((resolve) => {
      const exchange = upstream.send(
        { method: 'GET', origin: `http://127.0.0.1:${port}`, path, headers: {} },
        {
          sent() {},
          start: () => said.push('start'),
          data() {
            exchange.pause()
            exchange.abort()
            resolve()
          },
          end: () => said.push('end'),
          fail: () => said.push('fail'),
        },
      )
      if (path === '/silent') {
        void arrived.then(() => {
          exchange.abort()
          resolve()
        })
      }
    })
    const [request] = await arrived
    await begun
    if (!request.socket.closed) await once(request.socket, 'close')
    expect(said).toEqual(path === '/begin' ? ['start'] : [])
  }
  expect(closed).toBe(2)
})

test('a name that was not found is not looked up again for 5 s', async () => {
  const clock = new FakeClock()
  const upstream = upstreamWith({}, clock)
  const code = await get(upstream, 'http://no-such-host.invalid')
  expect(code).toMatch(/ENOTFOUND|EAI_AGAIN/)
  let lookups = 0
  const hook = createHook({ init: (_id, type) => void (type === 'GETADDRINFOREQWRAP' && lookups++) }).enable()
  for (let call = 0; call < 100; call++) expect(await get(upstream, 'http://no-such-host.invalid')).toBe(code)
  expect(clock.waiting, 'lookups that still wait').toBe(0)
  expect(lookups).toBe(0)
  await clock.advance(5_000)
  await get(upstream, 'http://no-such-host.invalid')
  expect(lookups).toBe(1)
  hook.disable()
})

test('certificates are checked, and NODE_EXTRA_CA_CERTS adds to those who may sign them', async () => {
  const files = makeTlsFiles()
  const folder = mkdtempSync(join(tmpdir(), 'ca-'))
  closing.push(() => rmSync(folder, { recursive: true }))
  const caPath = join(folder, 'ca.pem')
  writeFileSync(caPath, files.ca)
  const { port } = await listening(
    createTlsServer({ cert: files.cert, key: files.key }, (_, response) => response.end()),
  )
  const send = async (env: Record<string, string>) => {
    const args = ['--import', 'tsx', 'test/support/send-once.ts', `https://localhost:${port}/`]
    const { stdout } = await runProcess(process.execPath, args, { env: { PATH: process.env['PATH'], ...env } })
    return stdout
  }
  expect(await send({})).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/)
  expect(await send({ NODE_EXTRA_CA_CERTS: caPath })).toBe('200')
})
