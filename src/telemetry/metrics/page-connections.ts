import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { holderOfAddress } from '../../domain/text/address-holder.ts'

/** Connections that may be open at once. */
const MAX_CONNECTIONS = 64

/** Bounds the connections of a server. When there are too many, the address that has most of them loses its oldest. */
export function boundConnections(server: Server): void {
  const open = new Map<Socket, string>()
  server.on('connection', (socket) => {
    open.set(socket, holderOfAddress(socket.remoteAddress))
    socket.once('close', () => open.delete(socket))
    if (open.size > MAX_CONNECTIONS) oldestOfLargest(open)?.destroy()
  })
}

function oldestOfLargest(open: ReadonlyMap<Socket, string>): Socket | undefined {
  const counts = new Map<string, number>()
  for (const address of open.values()) counts.set(address, (counts.get(address) ?? 0) + 1)
  const [largest] = [...counts].toSorted(([, a], [, b]) => b - a)
  for (const [socket, address] of open) if (address === largest?.[0]) return socket
  return undefined
}
