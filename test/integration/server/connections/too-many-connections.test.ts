import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../support/eventually.ts'
import { openGuarded } from '../guarded-servers.ts'

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A connection from another address of loopback. */
async function open(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  socket.resume()
  closing.push(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return socket
}

describe.each(['gRPC', 'HTTP'] as const)('when the %s server has too many connections', (kind) => {
  it('the address with the most loses its newest, and others are answered', async () => {
    const { port, ask, refused } = await openGuarded(kind, closing, { maxConnections: 5 })
    const greedy: Socket[] = []
    for (let count = 0; count < 5; count++) greedy.push(await open(port, '127.0.0.2'))
    const other = await open(port, '127.0.0.3')
    await eventually(() => greedy[4]?.destroyed === true)
    const late = await open(port, '127.0.0.2')
    await eventually(() => late.destroyed)
    expect(await ask()).toBe(true)
    await eventually(() => greedy.filter(({ destroyed }) => destroyed).length === 2)
    expect(other.destroyed).toBe(false)
    expect(refused).toEqual(['connections', 'connections', 'connections'])
  })
})
