import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { chat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { freePort } from '../../../support/ports.ts'
import {
  answers,
  startForgetfulUpstream,
  startUpstream,
  type UpstreamServer,
} from '../../../support/upstream-server.ts'

/* Upstreams behind a proxy: what the proxy itself refuses names it, and costs one connection. */

/** What the proxy does with a CONNECT. */
type Behaviour = 'tunnel' | 'close' | `HTTP/1.1 ${string}`

let proxy: { readonly port: number; behaviour: Behaviour; connections: number; close(): Promise<void> }
let upstream: UpstreamServer
let forgetful: UpstreamServer
let gateway: RunningGateway
let client: GrpcClient

async function startProxy(): Promise<typeof proxy> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    started.connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', (head) => {
      const [, host, port] = /^CONNECT ([^:]+):(\d+) /.exec(head.toString()) ?? []
      if (started.behaviour === 'close') socket.end()
      else if (started.behaviour !== 'tunnel') socket.end(`${started.behaviour}\r\ncontent-length: 0\r\n\r\n`)
      else {
        const onward = connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
          socket.pipe(onward).pipe(socket)
        })
        sockets.add(onward)
        onward.on('error', () => socket.destroy())
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const started = {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    behaviour: 'tunnel' as Behaviour,
    connections: 0,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return started
}

beforeAll(async () => {
  proxy = await startProxy()
  upstream = await startUpstream(answers('ok'))
  forgetful = await startForgetfulUpstream('remembered')
  const at = (port: number, host: string) => `http://${host}:${port}`
  gateway = await startGateway({
    yaml: [
      'providers:',
      `  proxied: { kind: local, base_url: "${at(upstream.port, 'localhost')}" }`,
      `  forgetful: { kind: local, base_url: "${at(forgetful.port, 'localhost')}" }`,
      `  direct: { kind: local, base_url: "${at(upstream.port, '127.0.0.1')}" }`,
    ].join('\n'),
    env: { HTTP_PROXY: `http://user:secret@127.0.0.1:${proxy.port}`, NO_PROXY: 'example.com, 127.0.0.0/8' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await Promise.all([proxy.close(), upstream.close(), forgetful.close()])
})

afterEach(() => {
  proxy.behaviour = 'tunnel'
})

test('requests go through the proxy, but not to addresses in a network that is left out', async () => {
  const before = proxy.connections
  expect((await chat(client, { model: 'direct/m' })).value?.message?.content).toBe('ok')
  expect(proxy.connections).toBe(before)
  expect((await chat(client, { model: 'proxied/m' })).value?.message?.content).toBe('ok')
  expect(proxy.connections).toBe(before + 1)
})

test('a kept connection that the other side has closed is followed by a fresh one, as without a proxy', async () => {
  for (let call = 0; call < 6; call++) {
    const { value, error } = await chat(client, { model: 'forgetful/m' })
    expect(error).toBeUndefined()
    expect(value?.message?.content).toBe('remembered')
  }
  expect(forgetful.hits.length).toBeGreaterThan(6)
})

test.each<[string, Behaviour, string]>([
  ['refuses with 403', 'HTTP/1.1 403 Forbidden', 'refused CONNECT with HTTP 403'],
  ['asks for a login', 'HTTP/1.1 407 Proxy Authentication Required', 'refused CONNECT with HTTP 407'],
  ['has no route', 'HTTP/1.1 503 Service Unavailable', 'refused CONNECT with HTTP 503'],
  ['closes without a word', 'close', 'closed the connection without an answer to CONNECT'],
])('a proxy that %s is named, after one connection', async (_, behaviour, trouble) => {
  proxy.behaviour = behaviour
  // A model of its own, so that no kept connection serves it: kept ones belong to an origin.
  await upstream.close()
  upstream = await startUpstream(answers('ok'))
  const before = proxy.connections
  const fresh = await startGateway({
    yaml: `providers: { one: { kind: local, base_url: "http://localhost:${upstream.port}" } }`,
    env: { HTTP_PROXY: `http://user:secret@127.0.0.1:${proxy.port}` },
  })
  const caller = new GrpcClient(fresh.grpc)
  try {
    const { error } = await chat(caller, { model: 'one/m' })
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_UNREACHABLE' })
    expect(error?.message).toContain(`the proxy 127.0.0.1:${proxy.port} ${trouble}`)
    expect(error?.message).not.toContain('secret')
    expect(proxy.connections).toBe(before + 1)
  } finally {
    caller.close()
    await fresh.close()
  }
})

test('a proxy that is down is named', async () => {
  const port = await freePort()
  const fresh = await startGateway({
    yaml: `providers: { one: { kind: local, base_url: "http://localhost:${upstream.port}" } }`,
    env: { HTTP_PROXY: `http://127.0.0.1:${port}` },
  })
  const caller = new GrpcClient(fresh.grpc)
  try {
    const { error } = await chat(caller, { model: 'one/m' })
    expect(error?.reason).toBe('UPSTREAM_UNREACHABLE')
    expect(error?.message).toContain(`the proxy 127.0.0.1:${port} cannot be reached (ECONNREFUSED)`)
  } finally {
    caller.close()
    await fresh.close()
  }
})
