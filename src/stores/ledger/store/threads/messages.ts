import { type FieldViolation, GatewayError } from '../../../../domain/errors/error.ts'
import type { Reason } from '../../../../domain/errors/reasons.ts'
import type { LedgerSettings } from '../../settings.ts'
import type { StoreProgress } from '../stored-ledger.ts'

/** What a thread is started with. */
export interface ThreadOptions {
  readonly settings: LedgerSettings
  /** The sub-folder of the journal that this process writes. */
  readonly journal: { readonly folder: string; readonly id: string; readonly firstLive: number }
}

/** A call of a method of the thread. */
export interface ThreadRequest {
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}

/** What a thread sends back. */
export type ThreadMessage =
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ThreadError }
  /** The database was opened, or cannot be: `setup` if the gateway must not start. */
  | { readonly kind: 'opened'; readonly trouble: string; readonly setup: boolean }
  | { readonly kind: 'swept' }
  | { readonly kind: 'progress'; readonly progress: StoreProgress; readonly swept: boolean }
  | { readonly kind: 'skipped'; readonly what: string; readonly journal: string }

/** An error on its way between threads, which keep only the message of an object of a class. */
export interface ThreadError {
  readonly reason: Reason
  readonly message: string
  readonly fields: readonly FieldViolation[]
}

export function toThreadError(error: unknown): ThreadError {
  if (error instanceof GatewayError) {
    return { reason: error.reason, message: error.message, fields: error.facts.fields ?? [] }
  }
  return {
    reason: 'LEDGER_UNAVAILABLE',
    message: `The ledger's database cannot be used: ${messageOf(error)}`,
    fields: [],
  }
}

export function fromThreadError({ reason, message, fields }: ThreadError): GatewayError {
  return new GatewayError(reason, message, { fields })
}

/** What an error says. One of several addresses that were tried has no message, but a code. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}
