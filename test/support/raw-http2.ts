import { constants } from 'node:http2'
import { connect, type Socket } from 'node:net'

/** https://www.rfc-editor.org/rfc/rfc9113#section-6 */
export const frames = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const
export const flags = { END_STREAM: 1, ACK: 1, END_HEADERS: 4 } as const

/** https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2 */
const INITIAL_WINDOW_SIZE = 4
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface RawOptions {
  /** Whether it begins as it should, with the preface and its SETTINGS. Default: yes. */
  readonly preface?: boolean
  /** Whether it takes note of the server's SETTINGS and answers its pings. Default: yes. */
  readonly polite?: boolean
  /** How many bytes each stream may be sent before it is asked for more. Default: 65,535. */
  readonly window?: number
}

/** A client that sends whatever frames it is told to. */
export class RawHttp2 {
  readonly socket: Socket
  /** Types of what the server has sent, in order. */
  readonly received: number[] = []
  /** The code of each stream that the server has reset. */
  readonly resets = new Map<number, number>()
  /** The code with which it says goodbye. */
  goaway: number | undefined
  /** Settles when the connection is over. */
  readonly closed: Promise<void>
  readonly #polite: boolean
  readonly #pongs: (() => void)[] = []
  #rest = Buffer.alloc(0)

  constructor(port: number, { preface = true, polite = true, window }: RawOptions = {}) {
    this.socket = connect(port, '127.0.0.1')
    this.#polite = polite
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    const settings = window === undefined ? undefined : Buffer.concat([uint16(INITIAL_WINDOW_SIZE), uint32(window)])
    if (preface) this.socket.write(Buffer.concat([PREFACE, frame(frames.SETTINGS, 0, 0, settings)]))
  }

  send(...bytes: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes))
  }

  /** Settles when the server has dealt with all that was sent to it, and with our answer to its settings. */
  async heard(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const pong = new Promise<void>((resolve) => this.#pongs.push(resolve))
      this.send(frame(frames.PING, 0, 0, Buffer.alloc(8)))
      await pong
    }
  }

  close(): void {
    this.socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < 9 + length) return
      const [type = 0, flag = 0] = this.#rest.subarray(3, 5)
      this.#heard(type, flag, this.#rest.readUInt32BE(5), this.#rest.subarray(9, 9 + length))
      this.#rest = this.#rest.subarray(9 + length)
    }
  }

  #heard(type: number, flag: number, stream: number, payload: Buffer): void {
    this.received.push(type)
    if (type === frames.RST_STREAM) this.resets.set(stream, payload.readUInt32BE(0))
    if (type === frames.GOAWAY) this.goaway = payload.readUInt32BE(4)
    if (type === frames.PING && flag & flags.ACK) this.#pongs.shift()?.()
    if (!this.#polite || flag & flags.ACK) return
    if (type === frames.SETTINGS) this.send(frame(frames.SETTINGS, flags.ACK, 0))
    if (type === frames.PING) this.send(frame(frames.PING, flags.ACK, 0, payload))
  }
}

export function frame(type: number, flag: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flag
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** The headers of a call, and those given here. */
export function callHeaders(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return hpack([
    [constants.HTTP2_HEADER_METHOD, 'POST'],
    [constants.HTTP2_HEADER_SCHEME, 'http'],
    [constants.HTTP2_HEADER_PATH, path],
    [constants.HTTP2_HEADER_AUTHORITY, 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ])
}

/** The headers of a call in one frame. */
export function callFrame(stream: number, path: string, more?: readonly (readonly [string, string])[]): Buffer {
  return frame(frames.HEADERS, flags.END_HEADERS, stream, callHeaders(path, more))
}

/** A message of a call: its prefix and its bytes, of which it may claim another number. */
export function message(bytes: Buffer, compressed = false, claimed = bytes.length): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = compressed ? 1 : 0
  prefix.writeUInt32BE(claimed, 1)
  return Buffer.concat([prefix, bytes])
}

export function resetFrame(stream: number): Buffer {
  return frame(frames.RST_STREAM, 0, stream, uint32(constants.NGHTTP2_CANCEL))
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Literal fields without indexing: https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2 */
function hpack(headers: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => Buffer.concat([length(value.length), Buffer.from(value, 'latin1')])
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}
