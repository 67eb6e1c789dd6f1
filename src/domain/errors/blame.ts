/**
 * What a failed attempt is evidence of. Shared state (a key's rest or quarantine, a breaker, a safety lock, a broadcast
 * to other gateways) changes only on evidence that cannot be about the request.
 *
 * - `request`: this call alone, or nothing at all. Nothing changes.
 * - `maybe key`: the request, or the key for this model and operation. A second key is tried, and nothing is put aside;
 *   only callers that met it several times are kept from the key for a while.
 * - `key for model`: the key for this model and operation. It rests, and the next key is tried.
 * - `key`: the key. It is quarantined, and the next key is tried.
 * - `maybe target`: the request, or the target. The breaker opens for the callers that see it.
 * - `target`: the target. The breaker counts it for everybody.
 */
export type Blame = 'request' | 'maybe key' | 'key for model' | 'key' | 'maybe target' | 'target'

/** The same evidence where it may just as well be about the request. */
export function doubted(blame: Blame): Blame {
  if (blame === 'key' || blame === 'key for model') return 'maybe key'
  return blame === 'target' ? 'maybe target' : blame
}

/** Whether another key of the same provider may do better. */
export function isAboutKey(blame: Blame): boolean {
  return blame === 'key' || blame === 'key for model' || blame === 'maybe key'
}

/** Whether a key is out of service because of it. */
export function isClearAboutKey(blame: Blame): boolean {
  return blame === 'key' || blame === 'key for model'
}

/** Whether it shows how the provider works, and not only what became of one request. */
export function isAboutProvider(blame: Blame): boolean {
  return isClearAboutKey(blame) || blame === 'maybe target' || blame === 'target'
}

/** Who saw a failure, and with which request: what only one of them sees may be its own doing. */
export interface Witness {
  readonly caller: string
  /** Equal for equal requests. */
  readonly request: string
}
