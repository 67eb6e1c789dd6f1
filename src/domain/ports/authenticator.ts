import type { CallContext, Caller } from '../calls/call.ts'

/** Where a credential is read from: the context of a call, or the headers of a request. */
export type CredentialSource = Pick<CallContext, 'credential' | 'header' | 'caller'>

/** Identifies callers by their credentials. */
export interface Authenticator {
  /** Throws UNAUTHENTICATED, with the same message for every cause. */
  identify(source: CredentialSource): Caller | Promise<Caller>
}
