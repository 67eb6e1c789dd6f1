import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../../domain/clock.ts'
import { type Held, Shares } from '../../domain/limits/shares.ts'
import { holderOfAddress } from '../../domain/text/address-holder.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { Refusal } from '../refusals.ts'

/** Largest question of reflection: a name or a number. */
const MAX_MESSAGE = 16 * 1024
const MAX_CONVERSATIONS = 64
/** Time after which a silent conversation is closed, in ms. */
const IDLE = 60_000

export interface ConversationsOptions {
  readonly clock: Clock
  readonly readTimeout: number
  readonly onRefused: (refusal: Refusal, address?: string) => void
}

/** Bounds the conversations of reflection, which need no credential and last as long as their clients want. */
export class Conversations {
  readonly #options: ConversationsOptions
  readonly #open = new Shares<Conversation>(MAX_CONVERSATIONS)

  constructor(options: ConversationsOptions) {
    this.#options = options
  }

  /** Number of open conversations. */
  get size(): number {
    return this.#open.size
  }

  /** Must be called before anybody else reads the stream. */
  add(stream: ServerHttp2Stream, address: string | undefined): void {
    const conversation = new Conversation(stream, holderOfAddress(address), this.#options)
    stream.once('close', () => this.#open.delete(conversation))
    this.#open.add(conversation)?.end('conversations')
  }
}

class Conversation implements Held {
  readonly holder: string
  readonly #stream: ServerHttp2Stream
  readonly #options: ConversationsOptions
  #prefix = Buffer.alloc(0)
  /** Bytes of the current message that have not arrived. */
  #missing = 0
  #stopTimer: () => void

  constructor(stream: ServerHttp2Stream, holder: string, options: ConversationsOptions) {
    this.holder = holder
    this.#stream = stream
    this.#options = options
    this.#stopTimer = options.clock.after(options.readTimeout, this.#onSilence)
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    stream.once('close', () => this.#stopTimer())
  }

  end(refusal: Refusal): void {
    this.#options.onRefused(refusal, this.holder)
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  readonly #onSilence = (): void => this.end('conversations')

  #take(chunk: Buffer): void {
    const wasWhole = this.#isWhole
    let rest = chunk
    while (rest.length > 0) {
      if (this.#missing === 0) {
        const wanted = FRAME_PREFIX - this.#prefix.length
        this.#prefix = Buffer.concat([this.#prefix, rest.subarray(0, wanted)])
        rest = rest.subarray(wanted)
        if (this.#prefix.length < FRAME_PREFIX) break
        this.#missing = this.#prefix.readUInt32BE(1)
        this.#prefix = Buffer.alloc(0)
        if (this.#missing > MAX_MESSAGE) {
          this.end('conversations')
          return
        }
      }
      const taken = Math.min(this.#missing, rest.length)
      this.#missing -= taken
      rest = rest.subarray(taken)
    }
    // A message has its time from its first byte on, whatever trickles in.
    if (this.#isWhole || wasWhole) this.#restart()
  }

  get #isWhole(): boolean {
    return this.#missing === 0 && this.#prefix.length === 0
  }

  #restart(): void {
    const { clock, readTimeout } = this.#options
    this.#stopTimer()
    this.#stopTimer = clock.after(this.#isWhole ? IDLE : readTimeout, this.#onSilence)
  }
}
