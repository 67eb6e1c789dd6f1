import type { Socket } from 'node:net'
import type { Clock } from '../../domain/clock.ts'

/** What a connection speaks, by its first bytes. TLS and anything else is `unknown`. */
export type Spoken = 'http1' | 'http2' | 'unknown'

/** Beginning of the preface of HTTP/2. https://www.rfc-editor.org/rfc/rfc9113#section-3.4 */
const HTTP2_PREFACE = 'PRI '
/** Beginning of a request line: a method in capital letters. */
const HTTP1_METHOD = /^[A-Z]{3,4}/

interface Listening {
  readonly clock: Clock
  /** Time for the first bytes to arrive, in ms. */
  readonly timeout: number
  /** The bytes are still to be read from the socket. */
  spoken(socket: Socket, spoken: Spoken): void
  /** No bytes arrived in time. */
  silent(socket: Socket): void
}

/** Reports what a connection in cleartext speaks as soon as its first bytes have arrived. */
export function listenForProtocol(socket: Socket, { clock, timeout, spoken, silent }: Listening): void {
  let read = Buffer.alloc(0)
  // Without it the socket of a client that left would stay half open.
  const onEnd = () => {
    stop()
    socket.destroy()
  }
  const stop = () => {
    stopTimer()
    socket.off('readable', onReadable)
    socket.off('end', onEnd)
    socket.off('close', stop)
  }
  const stopTimer = clock.after(timeout, () => {
    stop()
    silent(socket)
  })
  const onReadable = () => {
    const chunk: Buffer | null = socket.read()
    if (!chunk) return
    read = Buffer.concat([read, chunk])
    const beginning = read.toString('latin1', 0, HTTP2_PREFACE.length)
    if (beginning.length < HTTP2_PREFACE.length && /^[A-Z]*$/.test(beginning)) return
    stop()
    socket.unshift(read)
    spoken(socket, protocolOf(beginning))
    // The bytes that were put back are announced to the new reader.
    if (!socket.destroyed) socket.read(0)
  }
  socket.on('readable', onReadable)
  // It stays: HTTP/2 destroys the socket of a session that broke the protocol with an error that nobody else hears.
  socket.on('error', () => {})
  socket.on('end', onEnd)
  socket.on('close', stop)
}

function protocolOf(beginning: string): Spoken {
  if (beginning === HTTP2_PREFACE) return 'http2'
  return HTTP1_METHOD.test(beginning) ? 'http1' : 'unknown'
}
