import type { CallRecord } from '../../domain/calls/call-record.ts'
import type { AnyEvent } from '../../domain/streams/events.ts'
import type { SharedCall } from '../sharing/shared-call.ts'

/** A key whose call is under way in this process, from the moment on in which it is claimed. */
export class HeldKey<E extends AnyEvent> {
  /** Hash of the request. */
  readonly fingerprint: string
  /** Settles when the claim has succeeded or come to nothing. */
  readonly claimed: Promise<void>
  /** Settles when the key is held no longer. */
  readonly over: Promise<void>
  /** Records of the calls that receive the result. */
  readonly records: CallRecord[] = []
  #run: SharedCall<E> | undefined
  #resolveClaimed: () => void = () => {}
  #resolveOver: () => void = () => {}

  constructor(fingerprint: string) {
    this.fingerprint = fingerprint
    this.claimed = new Promise((resolve) => {
      this.#resolveClaimed = resolve
    })
    this.over = new Promise((resolve) => {
      this.#resolveOver = resolve
    })
  }

  /** The call, once it runs and until it is over. */
  get run(): SharedCall<E> | undefined {
    return this.#run
  }

  begin(run: SharedCall<E>): void {
    this.#run = run
    this.#resolveClaimed()
  }

  end(): void {
    this.#run = undefined
    this.#resolveClaimed()
    this.#resolveOver()
  }
}
