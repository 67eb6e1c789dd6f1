import type { Call, CallContext, Caller } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import { createCall } from '../../domain/calls/facts.ts'
import { KEPT_TRAILER, REPLAYED_TRAILER } from '../../domain/calls/idempotency-key.ts'
import { type Cancellable, Cancellation } from '../../domain/cancellation.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { EventStream, type Source } from '../../domain/streams/event-stream.ts'
import { foldChat } from '../../domain/streams/fold.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import type { BatchChatResult, ChatEvent, ChatRequest } from '../../domain/types.ts'
import type { CallerPlaces, PlaceSeeker } from './caller-places.ts'
import { ItemContext } from './item-context.ts'
import { errorResult, responseResult } from './results.ts'

/** One request of a batch with its bytes as received. */
export interface BatchItem {
  readonly request: ChatRequest
  readonly bytes: Uint8Array
}

export interface BatchOptions {
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  readonly clock: Clock
  readonly places: CallerPlaces
  /** The longest that one request may take, in ms. */
  readonly maxItemDuration: number
  /** Largest result that is sent, in bytes. */
  readonly maxResultBytes: number
  /** Logs failures of the gateway itself. */
  report(error: GatewayError, context: CallContext): void
}

export interface BatchCall {
  readonly items: readonly BatchItem[]
  /** Requests under way at once. */
  readonly parallel: number
  readonly context: CallContext
  readonly caller: Caller
  readonly holder: string
  /** Repeats of a request are known by it and the request's index. */
  readonly idempotencyKey: string | undefined
}

/**
 * Processes the requests of one batch and hands out each result when it is there. No request begins while the reader is
 * full, so that no more results wait for it than requests were under way. A gateway that drains ends what is unfinished
 * with an error each; every other cancellation ends the batch itself.
 */
export class Batch implements Source, PlaceSeeker {
  readonly events: EventStream<BatchChatResult>
  readonly holder: string
  readonly #call: BatchCall
  readonly #options: BatchOptions
  readonly #running = new Map<number, ItemContext>()
  readonly #withCall: Cancellable
  /** Index of the request that begins next. */
  #next = 0
  /** Requests that received what they were answered before. */
  #replayed = 0
  #isPaused = false
  #isOver = false

  constructor(call: BatchCall, options: BatchOptions) {
    this.#call = call
    this.#options = options
    this.holder = call.holder
    this.events = new EventStream<BatchChatResult>(new Cancellation(), this)
    this.#withCall = {
      cancel: (reason) => (reason.reason === 'DRAINING' ? this.#drain(reason) : this.events.cancel(reason)),
    }
    call.context.cancellation.add(this.#withCall)
    this.#fill()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#fill()
  }

  cancel(reason: GatewayError): void {
    this.#end()
    for (const context of this.#running.values()) context.cancellation.cancel(reason)
  }

  placeFree(): boolean {
    const before = this.#next
    this.#fill()
    return this.#next > before
  }

  #fill(): void {
    const { items, parallel } = this.#call
    while (!this.#isOver && !this.#isPaused && this.#running.size < parallel && this.#next < items.length) {
      if (!this.#options.places.take(this)) return
      const index = this.#next++
      void this.#process(index, items[index] as BatchItem) // next < length
    }
  }

  /** Never rejects. */
  async #process(index: number, { request, bytes }: BatchItem): Promise<void> {
    const { chat, clock, places, maxItemDuration, maxResultBytes, report } = this.#options
    const { context: batch, caller, idempotencyKey } = this.#call
    const deadline = Math.min(batch.deadline, clock.now() + maxItemDuration)
    const context = new ItemContext(batch, clock, {
      index,
      caller,
      requestBytes: bytes,
      idempotencyKey,
      deadline,
    })
    this.#running.set(index, context)
    const stopTimer = clock.after(maxItemDuration, () => context.cancellation.cancel(tooLong(maxItemDuration)))
    let result: BatchChatResult
    try {
      const response = await foldChat(await chat(createCall('chat', request, context)))
      result = responseResult(index, response, maxResultBytes)
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      if (error.reason === 'INTERNAL') report(error, context)
      result = errorResult(index, error, context)
    }
    stopTimer()
    this.#running.delete(index)
    places.release(this)
    this.#noteRepeat(context.record)
    this.#deliver(result)
  }

  /** The batch is a repeat where all of its requests are, and is kept where all of them are. */
  #noteRepeat({ replayed, trailers }: CallRecord): void {
    const { record } = this.#call.context
    if (replayed && ++this.#replayed === this.#call.items.length) {
      record.trailers = { ...record.trailers, [REPLAYED_TRAILER]: 'true' }
    }
    if (trailers?.[KEPT_TRAILER]) record.trailers = { ...record.trailers, [KEPT_TRAILER]: 'false' }
  }

  #deliver(result: BatchChatResult): void {
    if (this.#isOver) return
    const isLast = this.#running.size === 0 && this.#next === this.#call.items.length
    this.events.push(result)
    if (isLast) this.#finish()
    else this.#fill()
  }

  #drain(reason: GatewayError): void {
    this.#end()
    for (const [index, context] of this.#running) {
      context.cancellation.cancel(reason)
      this.events.push(errorResult(index, reason, context))
    }
    for (let index = this.#next; index < this.#call.items.length; index++) {
      this.events.push(errorResult(index, reason, undefined))
    }
    this.events.end()
  }

  #finish(): void {
    this.#end()
    this.events.end()
  }

  #end(): void {
    this.#isOver = true
    this.#options.places.leave(this)
    this.#call.context.cancellation.remove(this.#withCall)
  }
}

function tooLong(ms: number): GatewayError {
  return new GatewayError('GATEWAY_MAX_DURATION', `No request of a batch may take longer than ${ms / 1000} s.`)
}
