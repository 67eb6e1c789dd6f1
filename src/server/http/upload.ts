import { FRAME_PREFIX } from '../codec/encode.ts'

/** Many frames with few bytes on average, which ordinary clients have no reason to send. */
const MANY_FRAMES = 64
const SMALL_FRAME = 256

/** What has arrived of one request. */
export class Upload {
  /** Whether more is to come. */
  open = true
  bytes = 0
  /** On the monotonic clock, in ms. */
  readonly arrivedAt: number
  #frames = 0
  /** Up to the end of its message; undefined until its prefix has arrived. */
  #length: number | undefined
  #prefix: Buffer | undefined

  constructor(arrivedAt: number) {
    this.arrivedAt = arrivedAt
  }

  /** Counts the next piece. Says what is wrong with what has come so far. */
  take(chunk: Buffer): 'messages' | 'small_frames' | undefined {
    this.bytes += chunk.length
    this.#frames++
    this.#length ??= this.#readLength(chunk)
    if (this.#length !== undefined && this.bytes > this.#length) return 'messages'
    return this.#frames > MANY_FRAMES && this.bytes < this.#frames * SMALL_FRAME ? 'small_frames' : undefined
  }

  #readLength(chunk: Buffer): number | undefined {
    const head = this.#prefix ? Buffer.concat([this.#prefix, chunk]) : chunk
    if (head.length >= FRAME_PREFIX) return FRAME_PREFIX + head.readUInt32BE(1)
    this.#prefix = head
    return undefined
  }
}
