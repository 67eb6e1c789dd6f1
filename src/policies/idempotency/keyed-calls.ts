import { hash } from 'node:crypto'
import type { Call, CallContext } from '../../domain/calls/call.ts'
import { ChildContext } from '../../domain/calls/child-context.ts'
import type { Authenticated } from '../../domain/calls/facts.ts'
import { KEPT_TRAILER } from '../../domain/calls/idempotency-key.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Clock } from '../../domain/clock.ts'
import { holderOf } from '../../domain/limits/holder.ts'
import type { IdempotencyStore, KeyedCall } from '../../domain/ports/idempotency.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import { encodedSizeOf } from '../sharing/event-size.ts'
import { SharedCall, type SharedResult } from '../sharing/shared-call.ts'
import { fingerprintOf } from './fingerprint.ts'
import { HeldKey } from './held-key.ts'
import { isKept, keyIsReused, keyIsRunning, refusalOf } from './refusals.ts'
import { markReplayed, named, replay, warning } from './replayed.ts'

type Needs = Call & Authenticated

/** The calls with idempotency keys of one chain: those that run in this process, and what the store knows of others. */
export class KeyedCalls<E extends AnyEvent> {
  readonly #store: IdempotencyStore
  readonly #clock: Clock
  /** By id. */
  readonly #held = new Map<string, HeldKey<E>>()

  constructor(store: IdempotencyStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async answer<C extends Needs>(next: Handler<C, E>, call: C, key: string): Promise<EventStream<E>> {
    const keyed = keyedCall(call, key)
    for (;;) {
      call.context.cancellation.throwIfCancelled()
      const held = this.#held.get(keyed.id)
      if (!held) return this.#claim(next, call, keyed)
      await held.claimed
      const { run } = held
      // Its claim came to nothing, or it has ended meanwhile.
      if (!run) continue
      if (held.fingerprint !== keyed.fingerprint) throw keyIsReused()
      if (run.isOpen) {
        markReplayed(call.context)
        return join(run, held, call)
      }
      if (!run.isEnding) throw keyIsRunning(run.first.requestId)
      await held.over
    }
  }

  async #claim<C extends Needs>(next: Handler<C, E>, call: C, keyed: KeyedCall): Promise<EventStream<E>> {
    const { context } = call
    const held = new HeldKey<E>(keyed.fingerprint)
    this.#held.set(keyed.id, held)
    const found = await this.#store.claim(keyed)
    const { reason } = context.cancellation
    if (found.state === 'free' && !reason) {
      const run = this.#begin(context, keyed, held)
      const opened = join(run, held, call)
      held.begin(run)
      void run.start(warning(next, found.warning), call)
      return opened
    }
    if (found.state === 'free') await this.#store.release(keyed)
    this.#drop(keyed, held)
    if (reason || found.state === 'free') throw reason
    if (found.state === 'done') {
      markReplayed(context)
      return replay<E>(call, found.result)
    }
    throw refusalOf(found)
  }

  #begin(context: CallContext, keyed: KeyedCall, held: HeldKey<E>): SharedCall<E> {
    // The record of the call that began it is that of the run: what happens is part of it.
    return new SharedCall<E>(context, new ChildContext(context, context.record), {
      clock: this.#clock,
      sizeOf: encodedSizeOf,
      forJoined(event, joined) {
        if (event.event.case === 'finish') joined.record.leaveAttempts()
        return named(event, context)
      },
      isForAll: () => true,
      ended: (result) => this.#ended(result, context, keyed, held),
    })
  }

  async #ended(
    { start, events, error }: SharedResult<E>,
    context: CallContext,
    keyed: KeyedCall,
    held: HeldKey<E>,
  ): Promise<void> {
    if (error && !isKept(error)) await this.#store.release(keyed)
    else {
      const all = events && [...(start ? [start] : []), ...events].map((event) => named(event, context))
      const kept = await this.#store.keep(keyed, all && { events: all, error })
      if (!kept) for (const record of held.records) record.trailers = { ...record.trailers, [KEPT_TRAILER]: 'false' }
    }
    this.#drop(keyed, held)
  }

  #drop({ id }: KeyedCall, held: HeldKey<E>): void {
    this.#held.delete(id)
    held.end()
  }
}

/** A key belongs to a caller and a method. */
function keyedCall(call: Call & Authenticated, key: string): KeyedCall {
  const { operation, context, request } = call
  const holder = holderOf(call)
  const method = context.background ? 'BatchChat' : operations[operation].rpc
  const id = hash('sha256', JSON.stringify([holder, method, key]), 'base64url')
  return { id, holder, fingerprint: fingerprintOf(request), callId: context.requestId }
}

async function join<E extends AnyEvent>(run: SharedCall<E>, held: HeldKey<E>, call: Call): Promise<EventStream<E>> {
  held.records.push(call.context.record)
  const events = await run.join(call)
  if (!events) throw new Error('a call with an idempotency key was to run a second time')
  return events
}
