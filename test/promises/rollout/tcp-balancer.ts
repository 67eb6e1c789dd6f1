import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface TcpBalancer {
  readonly port: number
  close(): Promise<void>
}

/** One address for several: it gives each connection to the next port that accepts it, and knows nothing of its bytes. */
export async function startTcpBalancer(ports: readonly number[]): Promise<TcpBalancer> {
  const sockets = new Set<Socket>()
  let next = 0
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
    // A replica that ends, or a client that leaves: the other side is closed below.
    socket.on('error', () => {})
  }
  const server = createServer((client) => {
    keep(client)
    const start = next++
    const attempt = (tried: number) => {
      const port = ports[(start + tried) % ports.length]
      if (port === undefined || tried === ports.length) {
        client.destroy()
        return
      }
      const replica = connect(port, '127.0.0.1')
      keep(replica)
      let isOpen = false
      replica.once('connect', () => {
        isOpen = true
        client.pipe(replica).pipe(client)
      })
      replica.once('close', () => (isOpen ? client.destroy() : attempt(tried + 1)))
      client.once('close', () => replica.destroy())
    }
    attempt(0)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
