import type { ConnectError } from '@connectrpc/connect'
import type { Caller } from '../../../domain/calls/call.ts'
import type { Clock } from '../../../domain/clock.ts'
import type { ByteBudget } from '../../../domain/limits/byte-budget.ts'
import { FIRST_WINDOW, PendingRequest } from '../../bounds/pending-request.ts'
import { toConnectError } from '../../errors.ts'
import { type AnswerableRefusal, type Refusal, refusalReply } from '../../refusals.ts'
import type { HttpRequest, HttpResponse } from '../http-rules.ts'
import { leaveBodyUnread } from '../node-server.ts'

export interface HttpUploadOptions {
  readonly budget: ByteBudget
  readonly caller: Caller | undefined
  readonly clock: Clock
  readonly onRefused: (refusal: Refusal, address?: string) => void
}

/** What has arrived of the body of a request. */
export class HttpUpload extends PendingRequest {
  readonly address: string | undefined
  readonly #request: HttpRequest
  readonly #response: HttpResponse
  readonly #options: HttpUploadOptions
  #reject: ((error: ConnectError) => void) | undefined

  constructor(request: HttpRequest, response: HttpResponse, options: HttpUploadOptions) {
    super(options.budget, options.caller)
    this.#request = request
    this.#response = response
    this.#options = options
    this.address = request.socket.remoteAddress
  }

  /** Whether nobody waits for an answer any more. */
  get isGone(): boolean {
    return this.#response.closed
  }

  /** Counts it from here on. Calls `reject` when it must not go on, in which case the rest of it is not read. */
  begin(reject: (error: ConnectError) => void): void {
    this.#reject = reject
    this.#response.once('close', () => this.release())
    this.hold(0)
  }

  override hold(bytes: number): void {
    if (this.#reject && this.caller === undefined && bytes > FIRST_WINDOW) {
      this.release()
      this.refuse('credential')
    } else super.hold(bytes)
  }

  protected refuse(refusal: AnswerableRefusal = 'pending_bytes'): void {
    const { clock, onRefused } = this.#options
    onRefused(refusal, this.address)
    if (!this.#response.headersSent) leaveBodyUnread(this.#request, this.#response, clock)
    this.#reject?.(toConnectError(refusalReply(refusal, clock)))
    this.#reject = undefined
  }
}
