import type { GatewayError } from './errors/error.ts'

/** Something to cancel when a call is cancelled. */
export interface Cancellable {
  /** Called at most once. Must not throw. */
  cancel(reason: GatewayError): void
}

/**
 * Cancellation of a call: the client disconnected or the deadline passed. Far cheaper than an AbortController, which
 * the request pipeline does not need.
 */
export class Cancellation implements Cancellable {
  #reason: GatewayError | undefined
  #members: Cancellable[] = []

  /** Why the call was cancelled; undefined if it was not. */
  get reason(): GatewayError | undefined {
    return this.#reason
  }

  /** Number of members that would be cancelled. */
  get size(): number {
    return this.#members.length
  }

  /** Cancels every member once. The first reason stays; later ones are ignored. */
  cancel(reason: GatewayError): void {
    if (this.#reason) return
    this.#reason = reason
    const members = this.#members
    this.#members = []
    for (const member of members) member.cancel(reason)
  }

  /** Cancels `member` when the call is cancelled, at once if it already is. */
  add(member: Cancellable): void {
    if (this.#reason) member.cancel(this.#reason)
    else this.#members.push(member)
  }

  /** Does nothing if it is not a member. */
  remove(member: Cancellable): void {
    const last = this.#members.length - 1
    // The common case: members are removed in the reverse order of their addition.
    if (this.#members[last] === member) this.#members.pop()
    else if (last > 0 && this.#members.includes(member)) this.#members = this.#members.filter((one) => one !== member)
  }

  /** Throws the reason if the call was cancelled. */
  throwIfCancelled(): void {
    if (this.#reason) throw this.#reason
  }
}
