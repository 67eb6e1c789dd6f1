import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { KeyEvent, KeyLease, KeyPool, KeyStatus } from '../../domain/ports/keys.ts'
import type { OperatorEvents } from '../../domain/ports/operator-events.ts'
import { originOf } from '../../domain/reasons.ts'
import { Key } from './key.ts'

/** How long a key rests that may not use one model, in ms. */
const FORBIDDEN_REST = 60_000
/** A key that fails often is chosen as if it were busy with so many times its calls, at most. */
const MIN_WEIGHT = 0.1

export interface KeyPoolOptions {
  /** The provider's name. */
  readonly provider: string
  /** At least one; empty for a provider that needs none. */
  readonly keyIds: readonly string[]
  readonly clock: Clock
  /** Asks the vendor for something that costs nothing, with this key, in bounded time. Rejects with a GatewayError. */
  probe(keyId: string): Promise<unknown>
  /** Receives the changes that were found out here. */
  readonly events?: Pick<OperatorEvents, 'keyChanged'>
}

/**
 * Which key is used next: of those that do not rest the one with the least to do, those that failed of late counted as
 * busier than they are; among equals each in its turn.
 */
export class ProviderKeyPool implements KeyPool {
  readonly size: number
  readonly #options: KeyPoolOptions
  readonly #clock: Clock
  readonly #keys: readonly Key[]
  /** When each quarantined key is tried next, and how to prevent it. */
  readonly #probes = new Map<Key, { at: number; stop: () => void }>()
  #turns = 0
  #closed = false

  constructor(options: KeyPoolOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#keys = options.keyIds.map((id) => new Key(id))
    this.size = this.#keys.length
  }

  take(model: string): KeyLease | undefined {
    const now = this.#clock.now()
    let best: Key | undefined
    let least = Number.POSITIVE_INFINITY
    for (const key of this.#keys) {
      if (key.freeAt(model, now) > 0) continue
      const load = (key.active + 1) / weight(key, now)
      if (best && (load > least || (load === least && key.turn >= best.turn))) continue
      best = key
      least = load
    }
    if (!best) return undefined
    best.turn = ++this.#turns
    best.active++
    best.requests++
    best.lastUsed = now
    return new Lease(this, best, model)
  }

  wait(model: string): number {
    const now = this.#clock.now()
    const free = Math.min(...this.#keys.map((key) => key.freeAt(model, now)))
    return Math.max(0, free - now)
  }

  refusal(model: string): GatewayError {
    const { provider } = this.#options
    const now = this.#clock.now()
    const [first] = this.#keys.toSorted(
      (a, b) => order(a.freeAt(model, now), b.freeAt(model, now)) || since(b) - since(a),
    )
    const trouble = first?.trouble(model)
    const free = first?.freeAt(model, now) ?? Number.POSITIVE_INFINITY
    const reason = trouble?.reason ?? 'UPSTREAM_RATE_LIMITED'
    const which = this.size === 1 ? 'its key rests' : `each of its ${this.size} keys rests`
    return new GatewayError(reason, `${provider}/${model} was not asked: ${which} after ${reason}.`, {
      provider,
      model,
      // No key was used: asking again finds the same ones resting.
      retry: false,
      ...(Number.isFinite(free) && { retryAfter: Math.max(0, free - now) }),
      ...(trouble && { cause: trouble }),
    })
  }

  list(): readonly KeyStatus[] {
    const now = this.#clock.now()
    const toWall = this.#clock.wall() - now
    return this.#keys.map((key): KeyStatus => {
      const cooling = Array.from(key.cooling(now), ({ model, until, error: { reason } }) => ({
        model,
        until: until + toWall,
        reason,
      }))
      const probe = this.#probes.get(key)
      const { id: keyId, quarantine, requests, errors, active, lastUsed } = key
      return {
        keyId,
        state: quarantine ? 'quarantined' : cooling.length > 0 ? 'cooling' : 'available',
        reason: quarantine?.error.reason ?? '',
        ...(probe && { probeAt: probe.at + toWall }),
        cooling,
        requests,
        errors,
        active,
        ...(lastUsed !== undefined && { lastUsed: lastUsed + toWall }),
        successRate: key.successRate(now),
      }
    })
  }

  apply(event: KeyEvent): void {
    const key = this.#keys.find(({ id }) => id === event.keyId)
    if (!key) return
    if (event.change === 'recovered') this.#recover(key)
    else if (event.change === 'quarantined') this.#quarantine(key, heard(event.reason))
    else {
      const wait = event.until - this.#clock.wall()
      if (wait > 0) key.cool(event.model, wait, heard(event.reason), this.#clock.now())
    }
  }

  /** Of a lease: an attempt with this key has ended. */
  ended(key: Key, model: string, error: GatewayError | undefined): void {
    const now = this.#clock.now()
    key.active--
    if (!error) key.proved(model, now)
    if (!error || originOf(error.reason) === 'provider') key.count(error !== undefined, now)
    if (error?.facts.key === 'cools') this.#cool(key, model, error, now)
    // Where there is no key, none can be put aside: who is refused is the gateway, or one of its headers.
    else if (error?.facts.key === 'quarantined' && key.id !== '' && this.#quarantine(key, error)) {
      this.#options.events?.keyChanged({ ...this.#names(key), change: 'quarantined', reason: error.reason })
    }
  }

  /** Ends the trials. */
  close(): void {
    this.#closed = true
    for (const { stop } of this.#probes.values()) stop()
    this.#probes.clear()
  }

  #cool(key: Key, model: string, error: GatewayError, now: number): void {
    const { reason, facts } = error
    const wait = facts.retryAfter ?? (reason === 'UPSTREAM_FORBIDDEN' ? FORBIDDEN_REST : undefined)
    if (!key.cool(model, wait, error, now)) return
    const until = key.freeAt(model, now) - now + this.#clock.wall()
    if (Number.isFinite(until))
      this.#options.events?.keyChanged({ ...this.#names(key), change: 'cooled', model, until, reason })
  }

  /** False when it is quarantined already. */
  #quarantine(key: Key, error: GatewayError): boolean {
    if (key.quarantine || this.#closed) return false
    key.quarantine = { since: this.#clock.now(), error }
    this.#probeLater(key)
    return true
  }

  #probeLater(key: Key): void {
    const delay = key.nextProbeDelay()
    const stop = this.#clock.after(delay, () => void this.#probe(key))
    this.#probes.set(key, { at: this.#clock.now() + delay, stop })
  }

  async #probe(key: Key): Promise<void> {
    const { quarantine } = key
    const taken = await this.#options.probe(key.id).then(
      () => true,
      (thrown) => isNoListing(GatewayError.from(thrown)),
    )
    // Meanwhile it may have been heard to be well, or have failed anew.
    if (this.#closed || quarantine === undefined || key.quarantine !== quarantine) return
    if (!taken) {
      this.#probeLater(key)
      return
    }
    this.#recover(key)
    this.#options.events?.keyChanged({ ...this.#names(key), change: 'recovered' })
  }

  #names({ id }: Key) {
    return { provider: this.#options.provider, keyId: id }
  }

  #recover(key: Key): void {
    this.#probes.get(key)?.stop()
    this.#probes.delete(key)
    key.quarantine = undefined
  }
}

class Lease implements KeyLease {
  readonly keyId: string
  readonly #pool: ProviderKeyPool
  readonly #key: Key
  readonly #model: string

  constructor(pool: ProviderKeyPool, key: Key, model: string) {
    this.keyId = key.id
    this.#pool = pool
    this.#key = key
    this.#model = model
  }

  end(error?: GatewayError): void {
    this.#pool.ended(this.#key, this.#model, error)
  }
}

/** In fifths: keys that fail about as seldom take turns, and one failure changes nothing. */
function weight(key: Key, now: number): number {
  return Math.max(MIN_WEIGHT, Math.round(key.successRate(now) * 5) / 5)
}

/** What lists no models for anybody has not refused the key. */
function isNoListing({ reason }: GatewayError): boolean {
  return reason === 'UPSTREAM_MODEL_MISSING' || reason === 'LOCAL_MODEL_MISSING' || reason === 'UPSTREAM_PROTOCOL'
}

function heard(reason: GatewayError['reason']): GatewayError {
  return new GatewayError(reason, 'Another process was told so.')
}

function since({ quarantine }: Key): number {
  return quarantine?.since ?? 0
}

/** Infinity less Infinity is no number. */
function order(a: number, b: number): number {
  return a === b ? 0 : a - b
}
