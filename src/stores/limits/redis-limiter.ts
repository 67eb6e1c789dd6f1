import { hash } from 'node:crypto'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import {
  type Count,
  type LimitKind,
  type LimitStatus,
  limitStatus,
  type Quota,
  shareOfTokens,
  tightest,
} from '../../domain/limits/limits.ts'
import type { Limiter, Reservation } from '../../domain/ports/limiter.ts'
import type { SharedStore } from '../../domain/ports/shared-store.ts'
import { renewScript, reserveScript, settleScript } from './limit-scripts.ts'

export interface RedisLimiterOptions {
  readonly store: SharedStore
  readonly clock: Clock
  /** Counts while Redis is unavailable; without it calls are refused then. */
  readonly local: Limiter | undefined
  /** How long a killed gateway's places stay taken, in ms. Default: 15 s. */
  readonly lease?: number
}

const LEASE = 15_000
const RENEWALS_PER_LEASE = 3
const PREFIX = 'llm-gateway:limit:'
/** Longer names are hashed. */
const MAX_NAME_LENGTH = 128
/** Leases per script, during which Redis serves no other client. */
const MAX_RENEWED = 500

/** Counts the calls of all gateways on one Redis together. */
export class RedisLimiter implements Limiter {
  readonly #options: RedisLimiterOptions
  readonly #lease: number
  /** Calls that hold places. An array, because a long-lived Set keeps its former members alive. */
  readonly #held: SharedReservation[] = []
  #stopTimer: (() => void) | undefined
  #without = 0

  constructor(options: RedisLimiterOptions) {
    this.#options = options
    this.#lease = options.lease ?? LEASE
  }

  async reserve(id: string, quotas: readonly Quota[], tokens: number, enforced: boolean): Promise<Reservation> {
    const { store, local } = this.#options
    const call = new SharedReservation(store, id, quotas)
    const reply = store.available ? await call.reserve(this.#lease, tokens, enforced) : undefined
    if (reply === undefined) {
      this.#without++
      const reservation = await local?.reserve(id, quotas, tokens, enforced)
      if (reservation && !(reservation.refusal && enforced)) return new LocalReservation(reservation, call)
      call.settle(0)
      if (reservation) return reservation
      if (enforced) throw unavailable()
      return call
    }
    call.refusal = reply.refused
    call.limitStatus = reply.refused && enforced ? reply.refused : reply.nearest
    if (reply.counted && call.holdsPlaces) this.#hold(call)
    return call
  }

  /** Number of calls that were not counted in Redis. */
  get without(): number {
    return this.#without
  }

  close(): void {
    this.#stopTimer?.()
  }

  #hold(call: SharedReservation): void {
    call.slot = this.#held.length
    this.#held.push(call)
    call.onSettled = () => this.#release(call)
    if (!this.#stopTimer) this.#renewLater()
  }

  /** Moves the last call into the free slot. */
  #release(call: SharedReservation): void {
    const last = this.#held.pop()
    if (!last || last === call) return
    last.slot = call.slot
    this.#held[call.slot] = last
  }

  #renewLater(): void {
    const { clock } = this.#options
    this.#stopTimer = clock.after(this.#lease / RENEWALS_PER_LEASE, () => {
      this.#stopTimer = undefined
      if (this.#held.length === 0) return
      this.#renew()
      this.#renewLater()
    })
  }

  /** Also restores leases that Redis has lost. */
  #renew(): void {
    const { store } = this.#options
    const leases = this.#held.flatMap(({ id, places }) => places.map((key) => ({ id, key })))
    for (let at = 0; at < leases.length; at += MAX_RENEWED) {
      const some = leases.slice(at, at + MAX_RENEWED)
      const keys = some.map(({ key }) => key)
      void store.run(renewScript, keys, [this.#lease, ...some.map(({ id }) => id)])
    }
  }
}

function unavailable(): GatewayError {
  const message = 'Limits cannot be counted because Redis is unavailable, so calls are refused. Try again in a moment.'
  return new GatewayError('LIMITS_UNAVAILABLE', message, { retryAfter: 1_000 })
}

interface Reply {
  readonly refused: LimitStatus | undefined
  readonly nearest: LimitStatus | undefined
  readonly counted: boolean
}

/** A call counted in Redis. */
class SharedReservation implements Reservation {
  slot = -1
  refusal: LimitStatus | undefined
  limitStatus: LimitStatus | undefined
  onSettled: (() => void) | undefined
  readonly id: string
  readonly #store: SharedStore
  readonly #quotas: readonly Quota[]
  readonly #keys: readonly string[]
  #settled = false

  constructor(store: SharedStore, id: string, quotas: readonly Quota[]) {
    this.id = id
    this.#store = store
    this.#quotas = quotas
    this.#keys = [`${PREFIX}call:${id}`, ...quotas.flatMap(keysOf)]
  }

  /** Keys of the leases of its places. */
  get places(): string[] {
    return this.#quotas.flatMap((quota) => (quota.limits.concurrent === undefined ? [] : keysOf(quota).slice(1)))
  }

  get holdsPlaces(): boolean {
    return this.#quotas.some(({ limits }) => limits.concurrent !== undefined)
  }

  async reserve(lease: number, tokens: number, enforced: boolean): Promise<Reply | undefined> {
    const limits = this.#quotas.flatMap((quota) => [
      quota.limits.window,
      quota.limits.requests ?? 0,
      quota.limits.tokens ?? 0,
      quota.limits.concurrent ?? 0,
      ...shareIn(quota),
    ])
    const reply = await this.#store.run(reserveScript, this.#keys, [
      this.id,
      lease,
      tokens,
      enforced ? 1 : 0,
      ...limits,
    ])
    return reply === undefined ? undefined : readReply(String(reply), this.#quotas)
  }

  settle(used: number | undefined): void {
    if (this.#settled) return
    this.#settled = true
    this.onSettled?.()
    // Requests stay counted, so they alone need no script.
    const isNeeded = this.#quotas.some(({ limits }) => limits.tokens !== undefined || limits.concurrent !== undefined)
    if (isNeeded)
      void this.#store.run(settleScript, this.#keys, [this.id, used ?? -1, ...this.#quotas.flatMap(shareIn)])
  }
}

/** A call counted in this process, and perhaps in Redis too, if its reply was lost. */
class LocalReservation implements Reservation {
  readonly refusal: LimitStatus | undefined
  readonly limitStatus: LimitStatus | undefined
  readonly #local: Reservation
  readonly #shared: Reservation

  constructor(local: Reservation, shared: Reservation) {
    this.refusal = local.refusal
    this.limitStatus = local.limitStatus
    this.#local = local
    this.#shared = shared
  }

  settle(used: number | undefined): void {
    this.#local.settle(used)
    this.#shared.settle(used)
  }
}

/** A holder's share of the tokens, and the holder as the scripts name it. */
function shareIn(quota: Quota): [share: number, holder: string] {
  const { holder = '' } = quota
  return [shareOfTokens(quota), holder.length > MAX_NAME_LENGTH ? hash('sha256', holder, 'base64url') : holder]
}

/** The name is encoded, so that no subject's counts can be the leases of another. */
function keysOf({ scope, subject }: Quota): [counts: string, leases: string] {
  const encoded = encodeURIComponent(subject.toWellFormed())
  // Users of callers are not readable in Redis.
  const isPlain = scope !== 'user' && encoded.length <= MAX_NAME_LENGTH
  const name = `${PREFIX}${scope}:${isPlain ? encoded : hash('sha256', subject, 'base64url')}`
  return [name, `${name}:active`]
}

/** Parses the reply of `reserveScript`; undefined for anything else. */
function readReply(text: string, quotas: readonly Quota[]): Reply | undefined {
  const [time, reached, kind, counted, ...rest] = text.split(' ')
  const now = Number(time)
  const counts = rest.map(readCount)
  if (!Number.isFinite(now) || counts.length !== quotas.length) return undefined
  const quota = quotas[Number(reached) - 1]
  const count = counts[Number(reached) - 1]
  const refused = quota && count && limitStatus(quota, kind as LimitKind, count, now) // the script names no others
  return { refused, nearest: tightest(quotas, counts, now), counted: counted === '1' }
}

function readCount(text: string): Count {
  const [start = 0, requests = 0, tokens = 0, active = 0] = text.split(':').map(Number)
  return { start, requests, tokens, active }
}
