import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { startProcess } from './process.ts'

/** A caller in a process of its own, so that it can be killed and stopped. */
export interface CallerProcess {
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** How its stream ended, as it saw it: the code of the reset. */
  readonly ended: Promise<number>
}

export interface CallerOptions {
  readonly server: 'gRPC' | 'HTTP'
  /** Of that door. */
  readonly port: number
  /** Of the method it calls. */
  readonly path: string
  /** Of the message it sends. */
  readonly body: Buffer
  /** Whether it reads what it gets. If not: whether its window is shut, or its socket is not read. */
  readonly reads: 'all' | 'window shut' | 'socket unread'
  /** How often it makes its call, over one connection; at the gRPC door only. Default: once. */
  readonly calls?: number
}

/** Settles once the first byte of each answer is there. */
export async function startCaller(options: CallerOptions): Promise<CallerProcess> {
  const order = JSON.stringify({ ...options, body: options.body.toString('base64') })
  const child = startProcess(process.execPath, ['-e', script, order], { stdio: ['ignore', 'pipe', 'inherit'] })
  await said(child, 'begun')
  return {
    signal: (name) => void child.kill(name),
    ended: said(child, 'ended').then((words) => Number(words.split(' ')[1])),
  }
}

async function said(child: ChildProcess, word: string): Promise<string> {
  const { stdout } = child
  if (!stdout) throw new Error('the caller cannot be heard')
  for (;;) {
    const [chunk] = await once(stdout, 'data')
    const line = String(chunk)
      .split('\n')
      .find((text) => text.startsWith(word))
    if (line !== undefined) return line
  }
}

/** Without a loader, because that takes half a second. */
const script = `
const http2 = require('node:http2'), net = require('node:net')
const { server, port, path, body, reads, calls = 1 } = JSON.parse(process.argv[1])
const bytes = Buffer.from(body, 'base64')
if (server === 'HTTP') {
  const socket = net.connect(port, '127.0.0.1')
  const head = 'POST ' + path + ' HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/connect+proto\\r\\n'
  socket.write(head + 'Content-Length: ' + bytes.length + '\\r\\n\\r\\n')
  socket.write(bytes)
  socket.once('data', () => { console.log('begun'); if (reads !== 'all') socket.pause() })
  if (reads === 'all') socket.on('data', () => {})
  socket.on('error', () => {})
  socket.on('close', () => console.log('ended 0'))
} else {
  const settings = reads === 'window shut' ? { initialWindowSize: 1000 } : { initialWindowSize: 2 ** 30 }
  const session = http2.connect('http://127.0.0.1:' + port, { settings })
  session.on('error', () => {})
  if (reads !== 'window shut') session.once('connect', () => session.setLocalWindowSize(2 ** 30))
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
  let begun = 0
  for (let at = 0; at < calls; at++) {
    const stream = session.request(headers)
    stream.end(bytes)
    stream.on('error', () => {})
    stream.on('close', () => console.log('ended ' + stream.rstCode))
    stream.on('response', () => {
      if (++begun === calls) console.log('begun')
      if (reads === 'all') stream.resume()
      // A process that stands still reads nothing.
      if (reads === 'socket unread') process.kill(process.pid, 'SIGSTOP')
    })
  }
}
setTimeout(() => {}, 60000)
`
