import type { Clock } from '../../domain/clock.ts'
import type { IdempotencyStore, KeptResult, KeyedCall, KeyState } from '../../domain/ports/idempotency.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import { claimScript, keepScript, releaseScript, renewScript } from './idempotency-scripts.ts'
import { decodeResult, encodeKept } from './result-codec.ts'

export interface RedisIdempotencyOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** How long keys are remembered, in ms. */
  readonly ttl: number
  /** For the time that Redis is unavailable. */
  readonly memory: IdempotencyStore
  /** How long the key of a killed gateway stays taken, in ms. Default: 15 s. */
  readonly lease?: number
}

const LEASE = 15_000
const RENEWALS_PER_LEASE = 3
/** Reply of `keepScript`, unless another call holds the key. */
const KEPT = 1
const PREFIX = 'llm-gateway:idempotency:'
/** Leases per script, during which Redis serves no other client. */
const MAX_RENEWED = 500
const WITHOUT_REDIS =
  'Redis is unavailable: the idempotency-key of this call is known to this replica alone, so that a repeat of it runs ' +
  'again at another one, or once this one is gone.'

/** Remembers the keys of all gateways on one Redis together. */
export class RedisIdempotency implements IdempotencyStore {
  readonly #options: RedisIdempotencyOptions
  readonly #lease: number
  /** Calls that run here. */
  readonly #running = new Map<string, Pick<KeyedCall, 'fingerprint' | 'callId'>>()
  /** Results and releases on their way to Redis. */
  readonly #sending = new Set<Promise<unknown>>()
  #stopTimer: (() => void) | undefined

  constructor(options: RedisIdempotencyOptions) {
    this.#options = options
    this.#lease = options.lease ?? LEASE
  }

  async claim(call: KeyedCall): Promise<KeyState> {
    const { store, memory } = this.#options
    // What could not be kept in Redis is kept there.
    const known = await memory.claim(call)
    if (known.state !== 'free') return known
    const { id, fingerprint, callId } = call
    const reply = await store.run(claimScript, [keyOf(call)], [fingerprint, callId, this.#lease])
    const found = readReply(id, reply) ?? { state: 'free', warning: WITHOUT_REDIS }
    if (found.state === 'free') this.#hold(call)
    return found
  }

  async keep(call: KeyedCall, kept: KeptResult | undefined): Promise<boolean> {
    const { store, ttl, memory } = this.#options
    const { id, fingerprint, callId } = call
    this.#running.delete(id)
    const result = encodeKept(id, kept)
    const stored = [fingerprint, callId, ttl, result ? 'done' : 'lost', result ?? '']
    const reply = await this.#send(store.run(keepScript, [keyOf(call)], stored))
    // Repeats at this gateway are answered nevertheless.
    if (reply === undefined) await memory.keep(call, kept)
    return reply === KEPT && result !== undefined
  }

  async release({ id, callId }: Pick<KeyedCall, 'id' | 'callId'>): Promise<void> {
    this.#running.delete(id)
    await this.#send(this.#options.store.run(releaseScript, [keyOf({ id })], [callId]))
  }

  async close(): Promise<void> {
    this.#stopTimer?.()
    // Calls without a connection have been cancelled, and what they still did may take longer than is left.
    for (const [id, { callId }] of this.#running) void this.release({ id, callId })
    await Promise.all(this.#sending)
  }

  async #send(reply: Promise<unknown>): Promise<unknown> {
    this.#sending.add(reply)
    try {
      return await reply
    } finally {
      this.#sending.delete(reply)
    }
  }

  #hold({ id, fingerprint, callId }: KeyedCall): void {
    this.#running.set(id, { fingerprint, callId })
    if (!this.#stopTimer) this.#renewLater()
  }

  #renewLater(): void {
    this.#stopTimer = this.#options.clock.after(this.#lease / RENEWALS_PER_LEASE, () => {
      this.#stopTimer = undefined
      if (this.#running.size === 0) return
      this.#renew()
      this.#renewLater()
    })
  }

  #renew(): void {
    const running = [...this.#running]
    for (let at = 0; at < running.length; at += MAX_RENEWED) {
      const some = running.slice(at, at + MAX_RENEWED)
      const keys = some.map(([id]) => keyOf({ id }))
      const calls = some.flatMap(([, { fingerprint, callId }]) => [fingerprint, callId])
      void this.#options.store.run(renewScript, keys, [this.#lease, ...calls])
    }
  }
}

function keyOf({ id }: Pick<KeyedCall, 'id'>): string {
  return PREFIX + id
}

/** Parses the reply of `claimScript`; undefined for anything else. */
function readReply(id: string, reply: unknown): KeyState | undefined {
  if (!Array.isArray(reply)) return undefined
  const [state, call, result]: unknown[] = reply
  const callId = String(call)
  switch (String(state)) {
    case 'free':
      return { state: 'free' }
    case 'reused':
      return { state: 'reused' }
    case 'running':
      return { state: 'running', callId }
    case 'done': {
      const kept = Buffer.isBuffer(result) ? decodeResult(id, result) : undefined
      return kept ? { state: 'done', result: kept } : { state: 'not kept', callId }
    }
    case 'lost':
      return { state: 'not kept', callId }
    default:
      return undefined
  }
}
