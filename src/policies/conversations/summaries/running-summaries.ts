import type { Cancellation } from '../../../domain/cancellation.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError } from '../../../domain/errors/error.ts'

/** The summaries that are being made, so that equal conversations at the same time have one made for all. */
export class RunningSummaries {
  readonly #clock: Clock
  readonly #byKey = new Map<string, Promise<string>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * What `make` returns, or what another call with the same key is about to have made. Where that one fails, this call
   * makes its own. `cancellation` is that of this call. `deadline` bounds the waiting for the other one, on the monotonic
   * clock, in ms.
   */
  async once(key: string, cancellation: Cancellation, deadline: number, make: () => Promise<string>): Promise<string> {
    for (let running = this.#byKey.get(key); running; running = this.#byKey.get(key)) {
      const summary = await this.#waitFor(running, cancellation, deadline)
      if (summary !== undefined) return summary
    }
    const made = make()
    this.#byKey.set(key, made)
    try {
      return await made
    } finally {
      this.#byKey.delete(key)
    }
  }

  /** Undefined if the other call has failed. Rejects when this one is cancelled, or at the deadline. */
  #waitFor(running: Promise<string>, cancellation: Cancellation, deadline: number): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const late = new GatewayError(
        'DEADLINE_EXCEEDED',
        'Another call that has the conversation summarized takes too long.',
      )
      const stopTimer = this.#clock.after(deadline - this.#clock.now(), () => waiting.cancel(late))
      const over = () => {
        stopTimer()
        cancellation.remove(waiting)
      }
      const waiting = {
        cancel(reason: GatewayError) {
          over()
          reject(reason)
        },
      }
      cancellation.add(waiting)
      const settled = (summary?: string) => {
        over()
        resolve(summary)
      }
      running.then(settled, () => settled())
    })
  }
}
