import type { Task } from '../calls/call.ts'
import type { Witness } from '../errors/blame.ts'
import type { GatewayError } from '../errors/error.ts'
import type { Reason } from '../errors/reasons.ts'
import type { Watcher } from '../streams/event-stream.ts'
import type { AnyEvent } from '../streams/events.ts'

/**
 * Keys of one provider. A provider that needs none has one key without an id, which may cool down but never be
 * quarantined.
 */
export interface KeyPool {
  /** At least 1. */
  readonly size: number
  /** The key to use now; undefined when none can be used that is not in `tried`. */
  take(use: KeyUse, witness: () => Witness, tried?: ReadonlySet<string>): KeyLease | undefined
  /** Time until a key can be used, in ms: 0 when one can, infinite when that is not known. */
  wait(use: KeyUse): number
  /** Why no key can be used: the trouble of the key that returns first. `retryAfter` is when it does. */
  refusal(use: KeyUse): GatewayError
  /** In the order of the configuration. */
  list(): readonly KeyStatus[]
  /** Applies what another process with the same keys found out. The event is not passed on. */
  apply(event: KeyEvent): void
}

/** What a key is needed for. */
export interface KeyUse {
  readonly model: string
  readonly task: Task
  /** Undefined for rests that hold for every caller. */
  readonly caller?: string
  /** Id of the key to choose if it can be used. */
  readonly prefer?: string | undefined
}

/** Use of a key for one attempt; ends with the attempt. */
export interface KeyLease extends Watcher<AnyEvent> {
  /** As in Route.key_id. */
  readonly keyId: string
}

/** `cooling`: for one model and task at least. */
export type KeyState = 'available' | 'cooling' | 'quarantined'

/** A key as operators see it. Times are wall times in ms. */
export interface KeyStatus {
  readonly keyId: string
  readonly state: KeyState
  /** Why it is quarantined; empty when it is not. */
  readonly reason: Reason | ''
  /** When it is next probed, while it is quarantined. */
  readonly probeAt?: number | undefined
  readonly cooling: readonly CoolingModel[]
  /** Attempts begun. */
  readonly requests: number
  /** Attempts that failed through the provider's fault. */
  readonly errors: number
  /** Attempts under way. */
  readonly active: number
  readonly lastUsed?: number | undefined
  /** Among recent attempts, 0 to 1. Older attempts weigh less and less. */
  readonly successRate: number
}

export interface CoolingModel {
  readonly model: string
  readonly until: number
  readonly reason: Reason
}

/** A change of a key's state that can be sent to other processes. `until` is a wall time in ms. */
export type KeyEvent = { readonly provider: string; readonly keyId: string } & (
  | {
      readonly change: 'cooled'
      readonly model: string
      readonly task: Task
      readonly until: number
      readonly reason: Reason
    }
  | {
      readonly change: 'quarantined'
      readonly reason: Reason
      /** Set when no other key of the provider is left, though it has several: the account is refused. */
      readonly isLast?: true
    }
  | { readonly change: 'recovered' }
)
