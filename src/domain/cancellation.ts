import type { GatewayError } from './error.ts'

/** What ends with a call. */
export interface Cancellable {
  /** Told once. It must not throw. */
  cancel(reason: GatewayError): void
}

/**
 * The end of a call before its time: the caller left or its deadline came. Cheaper by far than an AbortController,
 * which the road of a call does not need.
 */
export class Cancellation implements Cancellable {
  #reason: GatewayError | undefined
  #members: Cancellable[] = []

  /** Why the call was cancelled; undefined while it was not. */
  get reason(): GatewayError | undefined {
    return this.#reason
  }

  /** How many would end with it. */
  get size(): number {
    return this.#members.length
  }

  /** Tells every member once. The first reason stays; later ones are ignored. */
  cancel(reason: GatewayError): void {
    if (this.#reason) return
    this.#reason = reason
    const members = this.#members
    this.#members = []
    for (const member of members) member.cancel(reason)
  }

  /** Lets `member` end with the call: at once, if that has ended already. */
  add(member: Cancellable): void {
    if (this.#reason) member.cancel(this.#reason)
    else this.#members.push(member)
  }

  /** Nothing happens if it is no member. */
  remove(member: Cancellable): void {
    const last = this.#members.length - 1
    // Mostly the last to come is the first to go.
    if (this.#members[last] === member) this.#members.pop()
    else if (last > 0 && this.#members.includes(member)) this.#members = this.#members.filter((one) => one !== member)
  }

  /** Throws the reason if the call was cancelled. */
  throwIfCancelled(): void {
    if (this.#reason) throw this.#reason
  }
}
