import type { CacheAddress, Kept } from '../../domain/ports/cache.ts'
import type { Call } from '../../domain/call.ts'
import type { EventStream } from '../../domain/event-stream.ts'
import type { Authenticated, Planned } from '../../domain/facts.ts'
import type { Handler } from '../../domain/follow.ts'
import { type ChatEvent, type ChatRequest, FinishReason } from '../../domain/types.ts'
import { Flight } from './shared-call.ts'
import { cacheAddress, decidingBytes } from './key.ts'
import { finishIn, replay } from './replay.ts'
import { type CacheParts, type CacheUse, notCached, take, useOf } from './cache-use.ts'

export type CacheableChat = Call<ChatRequest> & Authenticated & Planned

/** A slot is emptied before it leaves the map: a map that lives long keeps what was once in it alive. */
interface Slot {
  flight: Flight | undefined
}

/** A StreamChat does not wait for the whole answer to a Chat, unless both are asked at once: within so many ms. */
const AT_ONCE = 100

/** The answers that are kept, and those that are on their way. */
export class ChatCache {
  readonly #parts: CacheParts
  /** What is being asked: for Chat, and for StreamChat, whose answers a Chat may share. */
  readonly #flights = { chat: new Map<string, Slot>(), stream: new Map<string, Slot>() }

  constructor(parts: CacheParts) {
    this.#parts = parts
  }

  answer<C extends CacheableChat>(next: Handler<C, ChatEvent>, call: C): Promise<EventStream<ChatEvent>> {
    const { request, caller, targets, context } = call
    const temperature = request.temperature ?? targets[0]?.defaults.temperature
    const use = useOf(this.#parts, call, request, temperature)
    if (!use) return next(call)
    const question = { kind: 'chat', caller: caller.name, namespace: use.namespace, targets } as const
    const address = cacheAddress(question, decidingBytes(context.wire))
    const found = take(this.#parts, use, address)
    const go = (kept: Kept | undefined) => this.#answer(next, call, use, address, kept)
    return found instanceof Promise ? found.then(go) : go(found)
  }

  #answer<C extends CacheableChat>(
    next: Handler<C, ChatEvent>,
    call: C,
    use: CacheUse,
    address: CacheAddress,
    kept: Kept | undefined,
  ): Promise<EventStream<ChatEvent>> {
    if (kept?.answer.kind === 'chat') {
      const { events } = kept.answer
      this.#parts.observer.hit(finishIn(events)?.cost?.usd)
      return Promise.resolve(replay(call.context, events, address))
    }
    if (!use.asks) throw notCached()
    if (use.takes) this.#parts.observer.miss()
    return this.#fly(next, call, use, address)
  }

  async #fly<C extends CacheableChat>(
    next: Handler<C, ChatEvent>,
    call: C,
    use: CacheUse,
    address: CacheAddress,
  ): Promise<EventStream<ChatEvent>> {
    call.context.cancellation.throwIfCancelled()
    const running = use.takes ? this.#running(call, address.id) : undefined
    if (running) return (await running.join(call)) ?? this.#fly(next, call, use, address)
    const flight = this.#begin(call, use, address)
    const boarded = flight.join(call)
    void flight.fly(next, call)
    const events = await boarded
    if (!events) throw new Error('the first of a flight was sent away')
    return events
  }

  #running({ operation }: Call, id: string): Flight | undefined {
    const stream = this.#flights.stream.get(id)?.flight
    const found = stream ?? this.#flights.chat.get(id)?.flight
    if (!found) return undefined
    if (operation === 'stream_chat' && found !== stream && this.#parts.clock.now() - found.startedAt > AT_ONCE)
      return undefined
    return found
  }

  #begin({ operation, context }: Call, use: CacheUse, address: CacheAddress): Flight {
    const flights = operation === 'stream_chat' ? this.#flights.stream : this.#flights.chat
    const slot: Slot = { flight: undefined }
    const { clock, observer } = this.#parts
    slot.flight = new Flight(context, {
      clock,
      cacheId: address.id,
      landed: (events, bytes) => this.#keep(address, use, events, bytes),
      closed() {
        slot.flight = undefined
        if (flights.get(address.id) === slot) flights.delete(address.id)
      },
      shared: (usd) => observer.shared(usd),
    })
    flights.set(address.id, slot)
    return slot.flight
  }

  /** Only what is complete and was not filtered. */
  #keep(address: CacheAddress, use: CacheUse, events: readonly ChatEvent[], bytes: number): boolean {
    const finish = finishIn(events)
    if (!finish || !keptReasons.includes(finish.finishReason)) return false
    const ttl = finish.route?.fallbackUsed ? use.fallbackTtl : use.ttl
    if (ttl <= 0) return false
    const kept: Kept = { answer: { kind: 'chat', events }, storedAt: this.#parts.clock.wall(), bytes }
    this.#parts.store.set(address, kept, ttl)
    return true
  }
}

const keptReasons = [FinishReason.STOP, FinishReason.LENGTH, FinishReason.TOOL_CALLS]
