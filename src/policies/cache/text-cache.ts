import type { Call, TextRequest } from '../../domain/calls/call.ts'
import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { Authenticated, Billed, Planned, Shared } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { CacheAddress, CachedEntry } from '../../domain/ports/cache.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import { CacheMode, type ChatEvent, FinishReason } from '../../domain/types.ts'
import { type CacheParts, type CacheUse, notCached, take, useOf } from './cache-use.ts'
import { cacheAddress, decidingBytes } from './key.ts'
import { finishIn, replay } from './replay.ts'
import { SharedText } from './shared-text.ts'

export type CacheableCall = Call<TextRequest> & Authenticated & Planned & Billed

/** A slot is emptied before it leaves the map: V8 may keep removed entries of a long-lived map alive. */
interface Slot {
  shared: SharedText | undefined
}

/**
 * A streamed call joins the shared call of a unary one only within this time, in ms: later it would wait for a whole response.
 */
const AT_ONCE = 100

/** Nothing is stored, and only calls under way are joined. */
const SHARED_ONLY: CacheUse = { takes: true, asks: true, namespace: '', ttl: 0, fallbackTtl: 0, maxAge: 0 }

/** Whether a call that does not use the cache joins equal ones: an item of a batch, unless it asks for an answer of its own. */
function sharesOnly({ context, request }: Call<TextRequest>): boolean {
  return context.background === true && request.cache?.mode !== CacheMode.BYPASS
}

/** Stored responses of one task, and its shared calls under way. */
export class TextCache {
  readonly #parts: CacheParts
  /** Shared calls under way: unary ones, and streams, which a unary call may join. */
  readonly #sharedCalls = { unary: new Map<string, Slot>(), stream: new Map<string, Slot>() }

  constructor(parts: CacheParts) {
    this.#parts = parts
  }

  answer<C extends CacheableCall>(next: Handler<C & Shared, ChatEvent>, call: C): Promise<EventStream<ChatEvent>> {
    const { caller, targets, context } = call
    const temperature = call.wishes.temperature ?? targets[0]?.defaults.temperature
    const use = useOf(this.#parts, call, temperature)
    if (!use && !sharesOnly(call)) return next(call as C & Shared) // calls are created without payers
    const { task } = operations[call.operation]
    const namespace = use?.namespace ?? ''
    const question = { kind: task, caller: caller.id, holder: holderOf(call), namespace, targets }
    const address = cacheAddress(question, decidingBytes(context.requestBytes))
    if (!use) return this.#start(next, call, SHARED_ONLY, address)
    const found = take(this.#parts, use, address)
    const go = (kept: CachedEntry | undefined) => this.#answer(next, call, use, address, kept)
    return found instanceof Promise ? found.then(go) : go(found)
  }

  #answer<C extends CacheableCall>(
    next: Handler<C & Shared, ChatEvent>,
    call: C,
    use: CacheUse,
    address: CacheAddress,
    kept: CachedEntry | undefined,
  ): Promise<EventStream<ChatEvent>> {
    if (kept?.answer.kind === 'chat') {
      const { events } = kept.answer
      this.#parts.observer.hit(finishIn(events)?.cost?.usd)
      return Promise.resolve(replay(call.context, events, address))
    }
    if (!use.asks) throw notCached()
    if (use.takes) this.#parts.observer.miss()
    return this.#start(next, call, use, address)
  }

  async #start<C extends CacheableCall>(
    next: Handler<C & Shared, ChatEvent>,
    call: C,
    use: CacheUse,
    address: CacheAddress,
  ): Promise<EventStream<ChatEvent>> {
    call.context.cancellation.throwIfCancelled()
    const running = use.takes ? this.#running(call, address.id) : undefined
    if (running) return (await running.join(call)) ?? this.#start(next, call, use, address)
    const shared = this.#begin(call, use, address)
    const opened = shared.join(call)
    void shared.start(next, call)
    const events = await opened
    if (!events) throw new Error('the first subscriber of a shared call was refused')
    return events
  }

  #running({ streamed, context }: Call, id: string): SharedText | undefined {
    const stream = this.#sharedCalls.stream.get(id)?.shared
    const found = stream ?? this.#sharedCalls.unary.get(id)?.shared
    if (!found) return undefined
    const { first, startedAt } = found.sharedCall
    if (first.background && !context.background) return undefined
    if (streamed && found !== stream && this.#parts.clock.now() - startedAt > AT_ONCE) return undefined
    return found
  }

  #begin({ streamed, context }: Call, use: CacheUse, address: CacheAddress): SharedText {
    const sharedCalls = streamed ? this.#sharedCalls.stream : this.#sharedCalls.unary
    const slot: Slot = { shared: undefined }
    const { clock, observer } = this.#parts
    slot.shared = new SharedText(context, {
      clock,
      address,
      ended: ({ events, bytes, error }, { attempts }) => {
        if (events && !error && !isShorter(events, attempts.at(-1))) this.#keep(address, use, events, bytes)
      },
      closed() {
        slot.shared = undefined
        if (sharedCalls.get(address.id) === slot) sharedCalls.delete(address.id)
      },
      shared: (usd) => observer.shared(usd),
    })
    sharedCalls.set(address.id, slot)
    return slot.shared
  }

  /** Stores complete responses that were not filtered, and names the entry in their route. */
  #keep(address: CacheAddress, use: CacheUse, events: readonly ChatEvent[], bytes: number): void {
    const finish = finishIn(events)
    if (!finish || !keptReasons.includes(finish.finishReason)) return
    const ttl = finish.route?.fallbackUsed ? use.fallbackTtl : use.ttl
    if (ttl <= 0) return
    const kept: CachedEntry = { answer: { kind: 'chat', events }, storedAt: this.#parts.clock.wall(), bytes }
    this.#parts.store.set(address, kept, ttl)
    if (finish.route) finish.route.cacheId = address.id
  }
}

/** Whether a budget made the response shorter: others, and this caller later, may have a longer one. */
function isShorter(events: readonly ChatEvent[], attempt: AttemptRecord | undefined): boolean {
  return attempt?.isShortened === true && finishIn(events)?.finishReason === FinishReason.LENGTH
}

const keptReasons = [FinishReason.STOP, FinishReason.LENGTH, FinishReason.TOOL_CALLS]
