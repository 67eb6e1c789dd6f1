import type { GatewayError } from './error.ts'

/**
 * The end of a call before its time: the caller left or its deadline came. Cheaper by far than an AbortController,
 * which the road of a call does not need.
 */
export class Cancellation {
  #reason: GatewayError | undefined
  #listeners: ((reason: GatewayError) => void)[] = []

  /** Why the call was cancelled; undefined while it was not. */
  get reason(): GatewayError | undefined {
    return this.#reason
  }

  /** How many wait to be told. */
  get listening(): number {
    return this.#listeners.length
  }

  /** Tells every listener once. The first reason stays; later ones are ignored. */
  cancel(reason: GatewayError): void {
    if (this.#reason) return
    this.#reason = reason
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener(reason)
  }

  /** Calls `listener` once, at once if it is too late already. It must not throw. Returns how to stop listening. */
  onCancel(listener: (reason: GatewayError) => void): () => void {
    if (this.#reason) {
      listener(this.#reason)
      return nothing
    }
    this.#listeners.push(listener)
    return () => {
      const at = this.#listeners.indexOf(listener)
      if (at >= 0) this.#listeners.splice(at, 1)
    }
  }

  /** Throws the reason if the call was cancelled. */
  throwIfCancelled(): void {
    if (this.#reason) throw this.#reason
  }
}

function nothing(): void {}
