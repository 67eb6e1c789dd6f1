import type { HeldBytes } from '../../domain/limits/byte-budget.ts'
import { holderOfClient } from '../../domain/limits/holder.ts'
import { TIME_TO_LEAVE } from '../calls/live-calls.ts'
import type { ServerOptions } from '../server-options.ts'
import type { HttpResponse } from './http-rules.ts'
import { breakOff } from './node-server.ts'
import type { Exchange } from './route.ts'

export interface HeldReplyOptions {
  readonly exchange: Exchange
  readonly options: ServerOptions
  /** The user that the request names, once it is decoded. */
  readonly user: () => string
}

interface Reply {
  readonly body?: AsyncIterable<Uint8Array>
}

/** The bytes of a response, counted from when they are handed over until the response has sent them. */
class HeldResponse implements HeldBytes, AsyncIterableIterator<Uint8Array> {
  place = -1
  held = 0
  readonly holder: string
  readonly #body: AsyncIterator<Uint8Array>
  readonly #response: HttpResponse
  readonly #options: ServerOptions
  readonly #user: () => string

  constructor(body: AsyncIterable<Uint8Array>, { exchange, options, user }: HeldReplyOptions) {
    const { request, response, caller } = exchange
    this.#body = body[Symbol.asyncIterator]()
    this.holder = holderOfClient(caller, request.socket.remoteAddress)
    this.#response = response
    this.#options = options
    this.#user = user
    response.once('close', () => this.#hold(0))
  }

  get part(): string {
    return this.#user()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next bytes are asked for when the response has room for them. */
  async next(): Promise<IteratorResult<Uint8Array>> {
    this.#hold(this.#response.writableLength)
    const result = await this.#body.next()
    if (!result.done) this.#hold(this.#response.writableLength + result.value.length)
    return result
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return this.#body.return?.() ?? Promise.resolve({ done: true, value: undefined })
  }

  throw(error: unknown): Promise<IteratorResult<Uint8Array>> {
    return this.#body.throw?.(error) ?? Promise.reject(error)
  }

  giveWay(): void {
    this.#hold(0)
    const { onRefused, clock } = this.#options
    const response = this.#response
    onRefused('reply_bytes', response.socket?.remoteAddress)
    const session = 'stream' in response ? response.stream.session : undefined
    breakOff(response)
    // Where the connection takes nothing either, its streams would keep their bytes.
    if (session) clock.after(TIME_TO_LEAVE, () => void (response.closed || session.destroy()))
  }

  #hold(bytes: number): void {
    if (bytes > 0 && this.#response.closed) return
    const before = this.held
    this.held = bytes
    this.#options.replies.change(this, before)
  }
}

/** The same reply, its bytes counted in the budget of replies. */
export function heldReply<R extends Reply>(reply: R, held: HeldReplyOptions): R {
  return reply.body ? { ...reply, body: new HeldResponse(reply.body, held) } : reply
}
