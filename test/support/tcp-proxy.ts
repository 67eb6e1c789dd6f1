import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../src/domain/clock.ts'

/** Stands between a client and a server, and meddles with what the server says. */
export interface TcpProxy {
  readonly port: number
  /** How long each piece of a reply is held back, in ms. */
  delay: number
  /** Whether each line of a reply arrives by itself. */
  splitsReplies: boolean
  /** Whether replies are lost: the server has done what it was asked, and nobody learns of it. */
  eatsReplies: boolean
  /** Breaks every connection. */
  cut(): void
  close(): Promise<void>
}

/** What it holds back waits by `clock`. Default: the system's. */
export async function startProxy(target: number, clock: Clock = systemClock): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.on('data', (bytes) => {
      if (proxy.eatsReplies) return
      if (proxy.splitsReplies) void writeLines(client, bytes)
      else if (proxy.delay === 0) client.write(bytes)
      else clock.after(proxy.delay, () => client.write(bytes))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const proxy: TcpProxy = {
    port: typeof address === 'object' && address ? address.port : 0,
    delay: 0,
    splitsReplies: false,
    eatsReplies: false,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

async function writeLines(socket: Socket, bytes: Buffer): Promise<void> {
  socket.setNoDelay(true)
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf('\n', start) + 1 || bytes.length
    await new Promise((resolve) => socket.write(bytes.subarray(start, end), resolve))
    // Turns of the event loop in which the reader finds this line alone.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    start = end
  }
}
