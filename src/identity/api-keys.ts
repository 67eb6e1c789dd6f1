import { timingSafeEqual } from 'node:crypto'
import type { Caller } from '../domain/calls/call.ts'
import { callerId } from '../domain/calls/caller-id.ts'
import { type CommonRights, rightsOf } from './rights.ts'
import type { KeySettings } from './settings.ts'

/** Length of a digest's prefix, in bytes. */
const PREFIX_LENGTH = 4

interface ApiKey {
  readonly digest: Buffer
  readonly caller: Caller
}

/**
 * API keys, looked up by the first bytes of their digests and then compared in constant time. The time of a lookup
 * reveals only whether a prefix of 32 bits is known.
 */
export class ApiKeys {
  readonly #byPrefix = new Map<string, ApiKey[]>()

  constructor(settings: readonly KeySettings[], common: CommonRights) {
    for (const { sha256, name, admin, ...own } of settings) {
      const digest = Buffer.from(sha256, 'hex')
      const prefix = digest.toString('latin1', 0, PREFIX_LENGTH)
      const caller = { id: callerId('key', name), name, admin, ...rightsOf(own, common) }
      this.#byPrefix.set(prefix, [...(this.#byPrefix.get(prefix) ?? []), { digest, caller }])
    }
  }

  /** `digest` is the SHA-256 of a credential, one character per byte. */
  find(digest: string): Caller | undefined {
    const candidates = this.#byPrefix.get(digest.slice(0, PREFIX_LENGTH))
    if (!candidates) return undefined
    const bytes = Buffer.from(digest, 'latin1')
    return candidates.find((key) => timingSafeEqual(key.digest, bytes))?.caller
  }
}
