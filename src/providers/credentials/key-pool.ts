import type { Clock } from '../../domain/clock.ts'
import type { Witness } from '../../domain/errors/blame.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { originOf, type Reason } from '../../domain/errors/reasons.ts'
import type { KeyEvent, KeyLease, KeyPool, KeyStatus, KeyUse } from '../../domain/ports/keys.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import { Key } from './key.ts'

/** Rests for reasons whose replies name no time, in ms; for every other reason it starts short and doubles. */
const USUAL_RESTS: { readonly [R in Reason]?: number } = { UPSTREAM_FORBIDDEN: 60_000, UPSTREAM_MODEL_MISSING: 60_000 }
/** A key that fails often is chosen as if it had more calls under way, at most this many times as many: 1 / weight. */
const MIN_WEIGHT = 0.1
/** Statuses of vendors that list no models for anybody: they have not refused the key. */
const NO_LISTING: readonly (number | undefined)[] = [404, 405, 410, 501]

/** What a free request to the vendor proves about a key: that it is accepted, or nothing since anybody may ask. */
export type ProbeProves = 'key' | 'nothing'

export interface KeyPoolOptions {
  /** The provider's name. */
  readonly provider: string
  /** At least one; empty for a provider that needs none. */
  readonly keyIds: readonly string[]
  readonly clock: Clock
  /** Default: `key`. */
  readonly proves?: ProbeProves
  /** Sends the vendor a free request with this key, within a bounded time. Rejects with a GatewayError. */
  probe(keyId: string): Promise<unknown>
  /** Receives every change that this process found out. */
  readonly events?: Pick<OperatorEvents, 'keyChanged'>
}

/**
 * Chooses the key for the next attempt: among the keys that do not rest the one with the least to do, where keys that
 * failed recently count as busier than they are, and the preferred one as idle; equal keys take turns. What puts a key aside is decided by what the
 * failure is evidence of, and by nothing else.
 */
export class ProviderKeyPool implements KeyPool {
  readonly size: number
  readonly #options: KeyPoolOptions
  readonly #clock: Clock
  readonly #keys: readonly Key[]
  /** When each quarantined key is probed next, and how to prevent it. */
  readonly #probes = new Map<Key, { at: number; stop: () => void }>()
  #turns = 0
  #closed = false

  constructor(options: KeyPoolOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#keys = options.keyIds.map((id) => new Key(id))
    this.size = this.#keys.length
  }

  take(use: KeyUse, witness: () => Witness, tried?: ReadonlySet<string>): KeyLease | undefined {
    const now = this.#clock.now()
    let best: Key | undefined
    let least = Number.POSITIVE_INFINITY
    for (const key of this.#keys) {
      if (tried?.has(key.id) || key.freeAt(use, now) > 0 || (key.onTrial && key.active > 0)) continue
      const load = key.id === use.prefer ? 0 : (key.active + 1) / weight(key, now)
      if (best && (load > least || (load === least && key.turn >= best.turn))) continue
      best = key
      least = load
    }
    if (!best) return undefined
    best.turn = ++this.#turns
    best.active++
    best.requests++
    best.lastUsed = now
    return new Lease(this, best, use, witness)
  }

  wait(use: KeyUse): number {
    const now = this.#clock.now()
    const free = Math.min(...this.#keys.map((key) => key.freeAt(use, now)))
    return Math.max(0, free - now)
  }

  refusal(use: KeyUse): GatewayError {
    const { provider } = this.#options
    const { model } = use
    const now = this.#clock.now()
    const [first] = this.#keys.toSorted((a, b) => order(a.freeAt(use, now), b.freeAt(use, now)) || since(b) - since(a))
    const trouble = first?.trouble(use)
    const free = first?.freeAt(use, now) ?? Number.POSITIVE_INFINITY
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
      const cooling = Array.from(key.rests.current(now), ({ model, until, error: { reason } }) => ({
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
    else if (event.change === 'quarantined') this.#quarantine(key, reportedElsewhere(event.reason))
    else {
      const wait = event.until - this.#clock.wall()
      if (wait > 0) key.rests.add(event, wait, reportedElsewhere(event.reason), this.#clock.now())
    }
  }

  /** An attempt with this key has ended. */
  ended(key: Key, use: KeyUse, witness: () => Witness, error: GatewayError | undefined): void {
    const now = this.#clock.now()
    key.active--
    if (!error) this.#succeeded(key, use, now)
    if (!error || originOf(error.reason) === 'provider') key.count(error !== undefined, now)
    if (!error) return
    const { blame, reason } = error
    if (blame === 'key for model') this.#cool(key, use, error, now)
    else if (blame === 'maybe key') key.suspicions.add(use, witness(), error, now)
    // Where there is no key, none can be put aside: what the vendor refuses is the gateway, or one of its headers.
    else if (blame === 'key' && key.id !== '' && this.#quarantine(key, error)) {
      const isLast = this.size > 1 && this.#keys.every(({ quarantine }) => quarantine !== undefined)
      this.#options.events?.keyChanged({
        ...this.#names(key),
        change: 'quarantined',
        reason,
        ...(isLast && { isLast }),
      })
    }
  }

  /** Ends the probes. */
  close(): void {
    this.#closed = true
    for (const { stop } of this.#probes.values()) stop()
    this.#probes.clear()
  }

  #succeeded(key: Key, use: KeyUse, now: number): void {
    key.proved(use, now)
    if (!key.onTrial) return
    key.onTrial = false
    this.#options.events?.keyChanged({ ...this.#names(key), change: 'recovered' })
  }

  #cool(key: Key, use: KeyUse, error: GatewayError, now: number): void {
    const { reason, facts } = error
    if (!key.rests.add(use, facts.retryAfter ?? USUAL_RESTS[reason], error, now)) return
    // Callers make up names of models: other gateways find out by themselves.
    if (reason === 'UPSTREAM_MODEL_MISSING') return
    const { model, task } = use
    const until = key.rests.freeAt(use, now) - now + this.#clock.wall()
    this.#options.events?.keyChanged({ ...this.#names(key), change: 'cooled', model, task, until, reason })
  }

  /** False when it is quarantined already. */
  #quarantine(key: Key, error: GatewayError): boolean {
    if (key.quarantine || this.#closed) return false
    key.quarantine = { since: this.#clock.now(), error }
    key.onTrial = false
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
    if (quarantine && !this.#probeProves(quarantine.error.reason)) {
      this.#recover(key)
      key.onTrial = true
      return
    }
    const accepted = await this.#options.probe(key.id).then(
      () => true,
      (thrown) => NO_LISTING.includes(GatewayError.from(thrown).facts.upstream?.status),
    )
    // Meanwhile another process may have seen it recover, or it may have failed again.
    if (this.#closed || quarantine === undefined || key.quarantine !== quarantine) return
    if (!accepted) {
      this.#probeLater(key)
      return
    }
    this.#recover(key)
    this.#options.events?.keyChanged({ ...this.#names(key), change: 'recovered' })
  }

  /** A free request proves at most that the vendor knows the key, not that its account may spend again. */
  #probeProves(reason: Reason): boolean {
    return (this.#options.proves ?? 'key') === 'key' && reason === 'UPSTREAM_CREDENTIALS'
  }

  #names({ id }: Key) {
    return { provider: this.#options.provider, keyId: id }
  }

  #recover(key: Key): void {
    this.#probes.get(key)?.stop()
    this.#probes.delete(key)
    key.quarantine = undefined
    key.onTrial = false
  }
}

class Lease implements KeyLease {
  readonly keyId: string
  readonly #pool: ProviderKeyPool
  readonly #key: Key
  readonly #use: KeyUse
  readonly #witness: () => Witness

  constructor(pool: ProviderKeyPool, key: Key, use: KeyUse, witness: () => Witness) {
    this.keyId = key.id
    this.#pool = pool
    this.#key = key
    this.#use = use
    this.#witness = witness
  }

  end(error?: GatewayError): void {
    this.#pool.ended(this.#key, this.#use, this.#witness, error)
  }
}

/** In fifths: keys that fail about as seldom take turns, and one failure changes nothing. */
function weight(key: Key, now: number): number {
  return Math.max(MIN_WEIGHT, Math.round(key.successRate(now) * 5) / 5)
}

function reportedElsewhere(reason: Reason): GatewayError {
  return new GatewayError(reason, 'Another gateway with the same key reported it.')
}

function since({ quarantine }: Key): number {
  return quarantine?.since ?? 0
}

/** Infinity less Infinity is no number. */
function order(a: number, b: number): number {
  return a === b ? 0 : a - b
}
