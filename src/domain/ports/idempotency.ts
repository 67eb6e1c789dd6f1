import type { GatewayError } from '../errors/error.ts'
import type { AnyEvent } from '../streams/events.ts'

/** Largest result that is kept, in bytes as it is stored. */
export const MAX_KEPT_BYTES = 1 << 20

/** A call with an idempotency key. */
export interface KeyedCall {
  /** Hash of the caller, the method and the key, 43 characters. */
  readonly id: string
  /** Whose share of the store the result takes. */
  readonly holder: string
  /** Hash of the request. */
  readonly fingerprint: string
  /** Id of the call. */
  readonly callId: string
}

/** How a call ended, for repeats of it. */
export interface KeptResult {
  /** From the start to the finish. */
  readonly events: readonly AnyEvent[]
  /** Undefined when the response is complete. */
  readonly error: GatewayError | undefined
}

/** What is known of a key. */
export type KeyState =
  /** Nothing: the call holds the key now, until `keep` or `release`. `warning`: what the caller should know about that. */
  | { readonly state: 'free'; readonly warning?: string }
  /** Another gateway runs a call with it. */
  | { readonly state: 'running'; readonly callId: string }
  /** Another request had it. */
  | { readonly state: 'reused' }
  | { readonly state: 'done'; readonly result: KeptResult }
  /** The call has ended, and its result is gone. */
  | { readonly state: 'not kept'; readonly callId: string }

/**
 * Remembers idempotency keys with the results of their calls. A gateway asks for one key one call after the other. Never
 * rejects.
 */
export interface IdempotencyStore {
  claim(call: KeyedCall): KeyState | Promise<KeyState>
  /**
   * The call has ended for good. Without a result, or where there is no room for it, only the key is remembered. Returns
   * whether repeats of the call are answered with its result, whichever gateway they reach.
   */
  keep(call: KeyedCall, result: KeptResult | undefined): boolean | Promise<boolean>
  /** The call has failed in a way that may pass: a repeat of it runs. */
  release(call: KeyedCall): void | Promise<void>
  /** Settles when everything it was given is stored. */
  close?(): Promise<void>
}
