import type { CallContext, Caller } from '../call.ts'

/** Identifies callers by their credentials. */
export interface Authenticator {
  /** Throws UNAUTHENTICATED, with the same message for every cause. */
  identify(context: CallContext): Caller | Promise<Caller>
}
