import { once } from 'node:events'
import { WebSocket } from 'undici'
import type { RunningGateway } from '../support/gateway.ts'

/** The environment of a gateway that `MemoryOf` can look into. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

/** In bytes. */
export interface Collected {
  /** Resident, before anything was collected. */
  readonly before: number
  /** Resident. */
  readonly resident: number
  readonly heap: number
}

/**
 * What a gateway holds when all garbage is collected. Without that nobody can tell what grows: the collector leaves most
 * of its work until there is need.
 */
export class MemoryOf {
  readonly #inspector: string

  /** Of a gateway that has just started. */
  constructor(gateway: RunningGateway) {
    const address = /Debugger listening on (ws:\S+)/.exec(gateway.output())?.[1]
    if (address === undefined) throw new Error('the gateway was not started to be looked into')
    this.#inspector = address
  }

  async collected(): Promise<Collected> {
    const socket = new WebSocket(this.#inspector)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    const before = await usage(socket)
    await ask(socket, 'HeapProfiler.collectGarbage')
    const { rss, heapUsed } = await usage(socket)
    socket.close()
    return { before: before.rss, resident: rss, heap: heapUsed }
  }
}

async function usage(socket: WebSocket): Promise<NodeJS.MemoryUsage> {
  const { result } = await ask(socket, 'Runtime.evaluate', { expression: 'process.memoryUsage()', returnByValue: true })
  return result?.value as NodeJS.MemoryUsage // of that expression
}

interface Answer {
  readonly result?: { readonly value?: unknown }
}

/** https://chromedevtools.github.io/devtools-protocol/v8/. Nothing is asked before the last answer has come. */
async function ask(socket: WebSocket, method: string, params: object = {}): Promise<Answer> {
  const answered = once(socket, 'message')
  socket.send(JSON.stringify({ id: 1, method, params }))
  const [{ data }] = await answered
  return JSON.parse(String(data)).result
}
