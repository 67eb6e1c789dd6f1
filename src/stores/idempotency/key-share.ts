/** An idempotency key whose call has ended. */
export interface RememberedKey {
  readonly id: string
  readonly holder: string
  readonly fingerprint: string
  readonly callId: string
  /** When it is forgotten, on the monotonic clock, in ms. */
  readonly until: number
  /** Undefined when the result is gone. */
  result: Buffer | undefined
}

/** The keys of one caller, oldest first. */
export class KeyShare {
  readonly #keys = new Set<RememberedKey>()
  /** Those with a result. */
  readonly #withResult = new Set<RememberedKey>()
  #resultBytes = 0

  get keys(): number {
    return this.#keys.size
  }

  get resultBytes(): number {
    return this.#resultBytes
  }

  get oldest(): RememberedKey | undefined {
    return this.#keys.values().next().value
  }

  add(key: RememberedKey): void {
    this.#keys.add(key)
    if (!key.result) return
    this.#withResult.add(key)
    this.#resultBytes += key.result.length
  }

  delete(key: RememberedKey): void {
    this.#keys.delete(key)
    if (this.#withResult.delete(key)) this.#resultBytes -= key.result?.length ?? 0
  }

  /** Drops the result of a key, by default the oldest one; the key stays. Returns the bytes that are free now. */
  dropResult(key = this.#withResult.values().next().value): number {
    if (!key?.result) return 0
    const bytes = key.result.length
    this.#withResult.delete(key)
    this.#resultBytes -= bytes
    key.result = undefined
    return bytes
  }
}
