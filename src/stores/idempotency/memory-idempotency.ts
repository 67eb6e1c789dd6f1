import type { Clock } from '../../domain/clock.ts'
import type { IdempotencyStore, KeptResult, KeyedCall, KeyState } from '../../domain/ports/idempotency.ts'
import { KeyShare, type RememberedKey } from './key-share.ts'
import { decodeResult, encodeKept } from './result-codec.ts'

export interface MemoryIdempotencyOptions {
  readonly clock: Clock
  /** How long keys are remembered, in ms. */
  readonly ttl: number
  /** Size of all keys and results, in bytes. */
  readonly maxBytes: number
}

/** Memory that a key takes without its result, in bytes. */
const KEY_BYTES = 400

/**
 * Remembers keys and results in this process. When it is full, a new result of the caller with most of them is not kept;
 * a new one of another caller takes the place of the oldest of that caller. Where results take less than half of the
 * room, the caller with most keys loses its oldest one. So nobody can push out what others have within their share. A key
 * without a result still stands for a call that is not to be run again.
 */
export class MemoryIdempotency implements IdempotencyStore {
  readonly #options: MemoryIdempotencyOptions
  /** By id, in the order in which they expire. */
  readonly #keys = new Map<string, RememberedKey>()
  /** By holder; none of them is empty. */
  readonly #shares = new Map<string, KeyShare>()
  /** Bytes of all results. */
  #resultBytes = 0

  constructor(options: MemoryIdempotencyOptions) {
    this.#options = options
  }

  /** Calls that run are not known to it. */
  claim({ id, fingerprint }: KeyedCall): KeyState {
    this.#deleteExpired()
    const known = this.#keys.get(id)
    if (!known) return { state: 'free' }
    if (known.fingerprint !== fingerprint) return { state: 'reused' }
    const result = known.result && decodeResult(id, known.result)
    return result ? { state: 'done', result } : { state: 'not kept', callId: known.callId }
  }

  keep({ id, holder, fingerprint, callId }: KeyedCall, kept: KeptResult | undefined): boolean {
    this.#deleteExpired()
    const known = this.#keys.get(id)
    if (known) this.#delete(known)
    const result = encodeKept(id, kept)
    const key: RememberedKey = {
      id,
      holder,
      fingerprint,
      callId,
      until: this.#options.clock.now() + this.#options.ttl,
      result,
    }
    this.#keys.set(id, key)
    this.#shareOf(holder).add(key)
    this.#resultBytes += result?.length ?? 0
    while (this.#resultBytes + KEY_BYTES * this.#keys.size > this.#options.maxBytes) this.#makeRoom(key)
    return key.result !== undefined
  }

  release(): void {}

  #makeRoom(added: RememberedKey): void {
    if (this.#resultBytes > this.#options.maxBytes / 2) {
      const largest = this.#largest(({ resultBytes }) => resultBytes)
      const isAdded = added.result && largest === this.#shares.get(added.holder)
      this.#resultBytes -= largest?.dropResult(isAdded ? added : undefined) ?? 0
      return
    }
    const oldest = this.#largest(({ keys }) => keys)?.oldest
    if (oldest) this.#delete(oldest)
  }

  #largest(held: (share: KeyShare) => number): KeyShare | undefined {
    let largest: KeyShare | undefined
    for (const share of this.#shares.values()) if (!largest || held(share) > held(largest)) largest = share
    return largest
  }

  #delete(key: RememberedKey): void {
    const share = this.#shares.get(key.holder)
    this.#keys.delete(key.id)
    this.#resultBytes -= key.result?.length ?? 0
    share?.delete(key)
    if (share?.keys === 0) this.#shares.delete(key.holder)
  }

  #deleteExpired(): void {
    const now = this.#options.clock.now()
    for (const key of this.#keys.values()) {
      if (key.until > now) return
      this.#delete(key)
    }
  }

  #shareOf(holder: string): KeyShare {
    let share = this.#shares.get(holder)
    if (!share) {
      share = new KeyShare()
      this.#shares.set(holder, share)
    }
    return share
  }
}
