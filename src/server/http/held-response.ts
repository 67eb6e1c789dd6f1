import type { HeldBytes } from '../../domain/limits/byte-budget.ts'
import { holderOfClient } from '../../domain/limits/holder.ts'
import type { ServerOptions } from '../server-options.ts'
import type { HttpResponse } from './http-rules.ts'
import { breakOff } from './node-server.ts'
import type { Exchange } from './route.ts'

interface Reply {
  readonly body?: AsyncIterable<Uint8Array>
}

/** The bytes of a response, counted from when they are handed over until the response has sent them. */
class HeldResponse implements HeldBytes, AsyncIterableIterator<Uint8Array> {
  place = -1
  held = 0
  readonly part = ''
  readonly holder: string
  readonly #body: AsyncIterator<Uint8Array>
  readonly #response: HttpResponse
  readonly #options: ServerOptions

  constructor(body: AsyncIterable<Uint8Array>, { request, response, caller }: Exchange, options: ServerOptions) {
    this.#body = body[Symbol.asyncIterator]()
    this.holder = holderOfClient(caller, request.socket.remoteAddress)
    this.#response = response
    this.#options = options
    response.once('close', () => this.#hold(0))
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
    this.#options.onRefused('reply_bytes', this.#response.socket?.remoteAddress)
    breakOff(this.#response)
  }

  #hold(bytes: number): void {
    if (bytes > 0 && this.#response.closed) return
    const before = this.held
    this.held = bytes
    this.#options.replies.change(this, before)
  }
}

/** The same reply, its bytes counted in the budget of replies. */
export function heldReply<R extends Reply>(reply: R, exchange: Exchange, options: ServerOptions): R {
  return reply.body ? { ...reply, body: new HeldResponse(reply.body, exchange, options) } : reply
}
