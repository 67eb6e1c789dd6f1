import type { GatewayError } from '../error.ts'
import type { Watcher } from '../event-stream.ts'
import type { AnyEvent } from '../events.ts'
import { isReason, type Reason } from '../reasons.ts'

/** The keys of one provider. A provider that needs none has one without an id, which may rest, but not be quarantined. */
export interface KeyPool {
  /** At least 1. */
  readonly size: number
  /** The key to use now for this model; undefined when none can be used. */
  take(model: string): KeyLease | undefined
  /** How long until a key can be used for this model, in ms: 0 when one can, infinite when that is not known. */
  wait(model: string): number
  /** Why no key can be used for this model: what befell the one that is back first. `retryAfter` says when that is. */
  refusal(model: string): GatewayError
  /** In the order of the configuration. */
  list(): readonly KeyStatus[]
  /** What was learnt elsewhere of a key, by another process with the same keys. It is not told on. */
  apply(keyEvent: KeyEvent): void
}

/** The use of a key for one attempt, which its ending ends. */
export interface KeyLease extends Watcher<AnyEvent> {
  /** As in Route.key_id. */
  readonly keyId: string
}

export const keyStates = ['available', 'cooling', 'quarantined'] as const
export type KeyState = (typeof keyStates)[number]

/** A key as operators see it. Times are wall times in ms. */
export interface KeyStatus {
  readonly keyId: string
  /** `cooling`: for one model at least. */
  readonly state: KeyState
  /** Why it is quarantined; empty when it is not. */
  readonly reason: Reason | ''
  /** When it is next tried, while it is quarantined. */
  readonly probeAt?: number | undefined
  readonly cooling: readonly CoolingModel[]
  /** Attempts that have begun. */
  readonly requests: number
  /** Of those, the ones that the provider failed. */
  readonly errors: number
  /** Attempts that are under way. */
  readonly active: number
  readonly lastUsed?: number | undefined
  /** Of the recent attempts, 0 to 1. What lies back counts less and less. */
  readonly successRate: number
}

export interface CoolingModel {
  readonly model: string
  readonly until: number
  readonly reason: Reason
}

/** A change of a key's state, in a form that can travel to other processes. `until` is a wall time in ms. */
export type KeyEvent = { readonly provider: string; readonly keyId: string } & (
  | { readonly change: 'cooled'; readonly model: string; readonly until: number; readonly reason: Reason }
  | { readonly change: 'quarantined'; readonly reason: Reason }
  | { readonly change: 'recovered' }
)

/** News from another process; undefined for anything else. */
export function readKeyEvent(keyEvent: unknown): KeyEvent | undefined {
  if (typeof keyEvent !== 'object' || keyEvent === null) return undefined
  const { provider, keyId, change, model, until, reason }: { readonly [member: string]: unknown } = { ...keyEvent }
  if (typeof provider !== 'string' || typeof keyId !== 'string') return undefined
  if (change === 'recovered') return { provider, keyId, change }
  if (typeof reason !== 'string' || !isReason(reason)) return undefined
  if (change === 'quarantined') return { provider, keyId, change, reason }
  const isCooled = change === 'cooled' && typeof model === 'string' && typeof until === 'number'
  return isCooled ? { provider, keyId, change, model, until, reason } : undefined
}
