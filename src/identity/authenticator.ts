import { createSecretKey, hash, timingSafeEqual } from 'node:crypto'
import { type JWTPayload, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { Caller } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import { overriding, type RateLimits } from '../domain/limits.ts'
import type { Authenticator, CredentialSource } from '../domain/ports/authenticator.ts'
import { ModelFilter } from '../domain/text/model-filter.ts'
import { rightsOf } from './rights.ts'
import type { AuthSettings, JwtSettings, KeySettings, RequiredAuth } from './settings.ts'

/** The longest credential that is looked at, in characters. */
const MAX_CREDENTIAL_LENGTH = 8192
/** The longest `sub` that becomes a caller's name, in characters. */
const MAX_NAME_LENGTH = 256
/** How far the clocks of a token's issuer and the gateway may differ, in seconds. */
const LEEWAY = 30
/** How many verified tokens are remembered. */
const REMEMBERED_TOKENS = 10_000

export interface AuthenticatorOptions {
  readonly clock: Clock
  /** Of each caller, as far as it has none of its own. */
  readonly limits?: RateLimits | undefined
}

/** Without authentication every caller is an admin: either only this machine can call, or the operator wrote so. */
export function createAuthenticator(auth: AuthSettings, options: AuthenticatorOptions): Authenticator {
  if (auth.kind === 'required') return createRequired(auth, options)
  const everyone: Caller = { name: 'anonymous', admin: true, anonymous: true, limits: options.limits }
  return { identify: () => everyone }
}

/** A credential comes as `authorization: Bearer <key or token>`, or as `x-api-key: <key or token>`. */
function createRequired(auth: RequiredAuth, options: AuthenticatorOptions): Authenticator {
  const keys = new Keys(auth.keys, options.limits)
  const tokens = auth.jwt && createTokens(auth.jwt, options)
  return {
    identify(source) {
      if (source.caller) return source.caller
      const credential = credentialOf(source)
      if (credential === undefined) throw refusal()
      const digest = digestOf(credential)
      const caller = keys.find(digest) ?? tokens?.remembered(digest)
      if (caller) return caller
      if (!tokens) throw refusal()
      return tokens.verify(credential, digest)
    },
  }
}

/** As text, a character a byte: as a Buffer it takes four times as long. */
function digestOf(credential: string): string {
  return hash('sha256', credential, 'binary')
}

interface Key {
  readonly digest: Buffer
  readonly caller: Caller
}

/**
 * The keys by the beginnings of their digests, which lead to a few of them; these are compared in constant time. What
 * the lookup tells by the time it takes is no more than whether a beginning of 32 bits is known.
 */
class Keys {
  readonly #byBeginning = new Map<string, Key[]>()

  constructor(settings: readonly KeySettings[], general: RateLimits | undefined) {
    for (const { sha256, name, admin, models, limits } of settings) {
      const digest = Buffer.from(sha256, 'hex')
      const beginning = digest.toString('latin1', 0, BEGINNING)
      const caller = {
        name,
        admin,
        models: models && new ModelFilter(models),
        limits: overriding(limits, general),
      }
      this.#byBeginning.set(beginning, [...(this.#byBeginning.get(beginning) ?? []), { digest, caller }])
    }
  }

  find(digest: string): Caller | undefined {
    const candidates = this.#byBeginning.get(digest.slice(0, BEGINNING))
    if (!candidates) return undefined
    const bytes = Buffer.from(digest, 'latin1')
    return candidates.find((key) => timingSafeEqual(key.digest, bytes))?.caller
  }
}

/** In bytes. */
const BEGINNING = 4

function credentialOf(context: CredentialSource): string | undefined {
  const credential = context.credential ? bearerToken(context.credential) : context.header('x-api-key')
  return credential && credential.length <= MAX_CREDENTIAL_LENGTH ? credential : undefined
}

/** The scheme's name may be in any case: https://www.rfc-editor.org/rfc/rfc9110#section-11.1 */
function bearerToken(authorization: string): string | undefined {
  const scheme = authorization.slice(0, 7)
  if (scheme !== 'Bearer ' && scheme.toLowerCase() !== 'bearer ') return undefined
  return authorization.slice(7).trim()
}

function createTokens(settings: JwtSettings, { clock, limits }: AuthenticatorOptions) {
  const secret = createSecretKey(settings.secret, 'utf8')
  const verified = new LRUCache<string, { readonly caller: Caller; readonly until: number }>({ max: REMEMBERED_TOKENS })
  const rules = {
    algorithms: ['HS256'],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: LEEWAY,
    ...(settings.issuer !== undefined && { issuer: settings.issuer }),
    ...(settings.audience !== undefined && { audience: settings.audience }),
  }
  return {
    remembered(digest: string): Caller | undefined {
      const known = verified.get(digest)
      if (!known) return undefined
      if (clock.wall() < known.until) return known.caller
      verified.delete(digest)
      return undefined
    },
    async verify(token: string, digest: string): Promise<Caller> {
      const payload = await verifiedPayload(token)
      const caller = payload && callerOf(payload, limits)
      if (!caller) throw refusal()
      verified.set(digest, { caller, until: ((payload.exp ?? 0) + LEEWAY) * 1000 })
      return caller
    },
  }

  async function verifiedPayload(token: string): Promise<JWTPayload | undefined> {
    try {
      const { payload } = await jwtVerify(token, secret, { ...rules, currentDate: new Date(clock.wall()) })
      return payload
    } catch {
      // Which check failed would help only those who forge tokens.
      return undefined
    }
  }
}

/** https://www.rfc-editor.org/rfc/rfc8693#section-4.2 for `scope`. */
function callerOf(
  { sub, admin, scope, models, limits }: JWTPayload,
  general: RateLimits | undefined,
): Caller | undefined {
  if (typeof sub !== 'string' || sub.length === 0 || sub.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(sub))
    return undefined
  const rights = rightsOf(models, limits)
  if (!rights) return undefined
  return {
    name: sub,
    admin: admin === true || (typeof scope === 'string' && scope.split(' ').includes('admin')),
    models: rights.models,
    limits: overriding(rights.limits, general),
  }
}

/** The same text whatever was wrong, so that it tells nothing to those who guess. */
function refusal(): GatewayError {
  return new GatewayError(
    'UNAUTHENTICATED',
    'A valid API key or token is needed: send it as "authorization: Bearer <credential>".',
  )
}
