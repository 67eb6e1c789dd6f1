import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** What becomes of the bytes that go one way. What is not set is as it should be. */
export interface Fault {
  /** Before each piece, in ms. */
  readonly delay?: number
  /** Pieces of so many bytes, each a write of its own. */
  readonly slice?: number
  /** In bytes a second. */
  readonly bandwidth?: number
  /** The bytes are lost. */
  readonly blackhole?: boolean
  /** After so many bytes of a connection both of its ends are cut. */
  readonly cutAfter?: number
  /** How they are cut. Default: RST. */
  readonly cut?: 'RST' | 'FIN'
}

/** A wire that breaks in the way it is told to, also in the middle of a connection. */
export interface ChaosProxy {
  readonly port: number
  /** From the server to its client. */
  toClient: Fault
  /** From the client to its server. */
  toServer: Fault
  /** How many connections were made through it. */
  readonly connections: number
  /** How many of them are open. */
  readonly open: number
  /** Cuts every connection. */
  cut(how: 'RST' | 'FIN'): void
  close(): Promise<void>
}

export async function startChaosProxy(serverPort: number): Promise<ChaosProxy> {
  const wires = new Set<Wire>()
  let connections = 0
  const listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    connections++
    const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const wire = new Wire(client, server)
    wires.add(wire)
    void Promise.all([closed(client), closed(server)]).then(() => wires.delete(wire))
    wire.pump(client, server, () => proxy.toServer)
    wire.pump(server, client, () => proxy.toClient)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const proxy: ChaosProxy = {
    port: typeof address === 'object' && address ? address.port : 0,
    toClient: {},
    toServer: {},
    get connections() {
      return connections
    },
    get open() {
      return wires.size
    },
    cut(how) {
      for (const wire of wires) wire.cut(how)
    },
    async close() {
      proxy.cut('RST')
      listener.close()
      await once(listener, 'close')
    },
  }
  return proxy
}

class Wire {
  readonly #ends: readonly Socket[]

  constructor(...ends: readonly Socket[]) {
    this.#ends = ends
    for (const end of ends) end.on('error', () => this.cut('RST'))
  }

  cut(how: 'RST' | 'FIN'): void {
    for (const end of this.#ends) {
      if (how === 'RST') end.resetAndDestroy()
      else end.destroySoon()
    }
  }

  /** The fault is asked for anew for each piece. */
  pump(from: Socket, to: Socket, fault: () => Fault): void {
    let passed = 0
    const passOn = async () => {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        for (const piece of pieces(chunk, fault().slice)) {
          await this.#passOne(piece, to, fault, passed)
          passed += piece.length
        }
      }
      if (!fault().blackhole) to.end()
    }
    // A connection that breaks ends the loop with an error.
    passOn().catch(() => this.cut('RST'))
  }

  async #passOne(piece: Buffer, to: Socket, fault: () => Fault, passed: number): Promise<void> {
    const { delay = 0, bandwidth } = fault()
    const wait = delay + (bandwidth ? (piece.length / bandwidth) * 1000 : 0)
    if (wait > 0) await pause(wait)
    const { blackhole, cutAfter = Number.POSITIVE_INFINITY, cut = 'RST' } = fault()
    if (blackhole || to.destroyed || passed >= cutAfter) return
    const hasRoom = to.write(piece.subarray(0, cutAfter - passed))
    // What was written first must arrive before the cut.
    if (passed + piece.length >= cutAfter) setImmediate(() => this.cut(cut))
    else if (!hasRoom) await Promise.race([once(to, 'drain'), closed(to)])
  }
}

function* pieces(chunk: Buffer, size = chunk.length): Iterable<Buffer> {
  for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size)
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}
