import { createSecretKey, type KeyObject } from 'node:crypto'
import { type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { Caller } from '../domain/calls/call.ts'
import { callerId } from '../domain/calls/caller-id.ts'
import type { Clock } from '../domain/clock.ts'
import { type CommonRights, claimedRights, rightsOf } from './rights.ts'
import type { JwtSettings } from './settings.ts'

/** Longest `sub` that becomes a caller's name, in characters. */
const MAX_NAME_LENGTH = 256
/** Tolerated difference between the clocks of a token's issuer and the gateway, in seconds. */
const LEEWAY = 30
/** Number of verified tokens that are remembered. */
const MAX_REMEMBERED = 10_000

interface Verified {
  readonly caller: Caller
  /** Wall time in ms. */
  readonly until: number
}

/** Verifies signed tokens and remembers those that are valid. */
export class Tokens {
  readonly #clock: Clock
  readonly #secret: KeyObject
  readonly #rules: JWTVerifyOptions
  readonly #common: CommonRights
  readonly #keyNames: ReadonlySet<string>
  readonly #verified = new LRUCache<string, Verified>({ max: MAX_REMEMBERED })

  /** `keyNames`: the names of the API keys. */
  constructor(
    { secret, issuer, audience }: JwtSettings,
    clock: Clock,
    common: CommonRights,
    keyNames: ReadonlySet<string>,
  ) {
    this.#clock = clock
    this.#keyNames = keyNames
    this.#common = common
    this.#secret = createSecretKey(secret, 'utf8')
    this.#rules = {
      algorithms: ['HS256'],
      requiredClaims: ['exp', 'sub'],
      clockTolerance: LEEWAY,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    }
  }

  /** Caller of a token that was verified before and has not expired; `digest` identifies the token. */
  remembered(digest: string): Caller | undefined {
    const known = this.#verified.get(digest)
    if (!known) return undefined
    if (this.#clock.wall() < known.until) return known.caller
    this.#verified.delete(digest)
    return undefined
  }

  /** Undefined for a token that is not valid. */
  async verify(token: string, digest: string): Promise<Caller | undefined> {
    const payload = await this.#payloadOf(token)
    const caller = payload && callerOf(payload, this.#common, this.#keyNames)
    if (caller) this.#verified.set(digest, { caller, until: ((payload.exp ?? 0) + LEEWAY) * 1000 })
    return caller
  }

  async #payloadOf(token: string): Promise<JWTPayload | undefined> {
    try {
      const options = { ...this.#rules, currentDate: new Date(this.#clock.wall()) }
      const { payload } = await jwtVerify(token, this.#secret, options)
      return payload
    } catch {
      // Which check failed would only help a forger.
      return undefined
    }
  }
}

/** https://www.rfc-editor.org/rfc/rfc8693#section-4.2 for `scope`. */
function callerOf(payload: JWTPayload, common: CommonRights, keyNames: ReadonlySet<string>): Caller | undefined {
  const { sub, admin, scope, ...claims } = payload
  const rights = claimedRights(claims)
  if (!isName(sub) || !rights) return undefined
  return {
    id: callerId('jwt', sub),
    name: nameOf(sub, keyNames),
    admin: admin === true || (typeof scope === 'string' && scope.split(' ').includes('admin')),
    ...rightsOf(rights, common),
  }
}

/**
 * Costs, budgets and logs use names. A token whose `sub` is the name of an API key is another caller, and its name is
 * `jwt:<sub>`; the same holds for a `sub` that looks like such a name.
 */
function nameOf(sub: string, keyNames: ReadonlySet<string>): string {
  return keyNames.has(sub) || sub.startsWith('jwt:') ? `jwt:${sub}` : sub
}

function isName(sub: string | undefined): sub is string {
  if (typeof sub !== 'string' || sub.length === 0 || sub.length > MAX_NAME_LENGTH) return false
  // Different texts that are not well-formed would be the same name once they are encoded.
  return sub.isWellFormed() && !/\p{Cc}/u.test(sub)
}
