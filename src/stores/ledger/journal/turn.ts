import { GatewayError } from '../../../domain/errors/error.ts'
import type { Charge } from '../../../domain/ports/money/ledger.ts'
import type { JournalEntry } from './entry.ts'

/** What one turn of the event loop adds to the journal. Those who wait for it share its promises. */
export class Turn {
  readonly entries: JournalEntry[] = []
  /** Charges that have ended in this turn. */
  readonly settled = new Set<Charge>()
  #allowed: Deferred | undefined
  #recorded: Deferred | undefined
  /** When it was handed over to be written, on the monotonic clock, in ms. */
  since = 0
  /** Bytes of the journal at its end. */
  end = 0

  /** Settles when its attempts may be sent, or rejects with the reason why not. */
  get allowed(): Promise<void> {
    this.#allowed ??= new Deferred()
    return this.#allowed.promise
  }

  /** Settles when it is written, or will not be for now. Never rejects. */
  get recorded(): Promise<void> {
    this.#recorded ??= new Deferred()
    return this.#recorded.promise
  }

  /** Refused attempts must not be sent. */
  settle(isRefused = false): void {
    this.#recorded?.resolve()
    if (isRefused) this.#allowed?.reject(unrecorded())
    else this.#allowed?.resolve()
  }
}

/** The reason why an attempt is not sent. */
export function unrecorded(): GatewayError {
  const message =
    'The gateway cannot record what the call costs, and is configured to refuse such calls. Try again later.'
  return new GatewayError('LEDGER_UNAVAILABLE', message)
}

class Deferred {
  readonly promise: Promise<void>
  resolve: () => void = () => {}
  reject: (error: Error) => void = () => {}

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}
