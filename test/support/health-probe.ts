import { once } from 'node:events'
import { startProcess } from './process.ts'

/** What calls of Health took, one after the other, since the last time it was asked. */
export interface Probed {
  /** In ms. */
  readonly took: readonly number[]
  /** Those that had another answer than OK, or none. */
  readonly failed: number
}

/** Asks a gateway for its health every few ms, over a connection and from a process of its own. */
export interface HealthProbe {
  /** Settles once the call under way, and one more, has ended. */
  take(): Promise<Probed>
  close(): Promise<void>
}

/** `address` is that of the gRPC door. */
export async function startHealthProbe(address: string): Promise<HealthProbe> {
  const child = startProcess(process.execPath, ['-e', script, address], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const take = async (): Promise<Probed> => {
    child.send('take')
    const [probed] = await once(child, 'message')
    return probed
  }
  await take()
  return {
    take,
    async close() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Without a loader, so that it begins at once. */
const script = `
const http2 = require('node:http2')
const headers = { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' }
const PAUSE = 3
let session, took = [], failed = 0, left = -1
function probe() {
  if (!session || session.destroyed || session.closed) {
    session = http2.connect('http://' + process.argv[1])
    session.on('error', () => {})
  }
  const begun = performance.now()
  const stream = session.request(headers)
  let status
  const read = (fields) => { status = fields['grpc-status'] ?? status }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('error', () => {})
  stream.resume()
  stream.end(Buffer.alloc(5))
  stream.on('close', () => {
    took.push(performance.now() - begun)
    if (status !== '0') failed++
    if (left >= 0 && left-- === 0) {
      process.send({ took, failed })
      took = []
      failed = 0
    }
    setTimeout(probe, PAUSE)
  })
}
process.on('message', () => { left = 1 })
process.on('disconnect', () => process.exit())
probe()
`
