import { createServer } from 'node:net'

/**
 * Below the ports that the system gives away by itself, to servers that take any and to connections: one of those would
 * be taken while the server that a test has stopped is down.
 */
const FIRST = 10_000
const PORTS_PER_WORKER = 1_000
const WORKERS = 10

/** Workers of the test runner that run at the same time have ports of their own. */
const first = FIRST + PORTS_PER_WORKER * (Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS)
let given = process.pid

/** A port that nobody listens on, which no other test is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (given++ % PORTS_PER_WORKER)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1')
    server.once('error', () => resolve(false))
    server.once('listening', () => server.close(() => resolve(true)))
  })
}
