import { createSecretKey, hash, randomBytes } from 'node:crypto'
import { type JWTPayload, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { CallContext, Caller } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/error.ts'
import type { AuthSettings, JwtSettings, RequiredAuth } from '../domain/identity.ts'
import type { Callers } from '../domain/ports.ts'

/** The longest credential that is looked at, in characters. */
const LONGEST_CREDENTIAL = 8192
/** The longest `sub` that becomes a caller's name, in characters. */
const LONGEST_NAME = 256
/** How far the clocks of a token's issuer and the gateway may differ, in seconds. */
const LEEWAY = 30
/** How many verified tokens are remembered. */
const REMEMBERED_TOKENS = 10_000

const everyone: Callers = { identify: () => ({ name: 'anonymous', admin: true }) }

/** Without authentication every caller is an admin: either only this machine can call, or the operator wrote so. */
export function createCallers(auth: AuthSettings, { clock }: { readonly clock: Clock }): Callers {
  return auth.kind === 'none' ? everyone : createRequired(auth, clock)
}

/** A credential comes as `authorization: Bearer <key or token>`, or as `x-api-key: <key or token>`. */
function createRequired(auth: RequiredAuth, clock: Clock): Callers {
  const fingerprint = createFingerprint()
  const keys = new Map<string, Caller>()
  for (const { name, sha256, admin } of auth.keys) keys.set(fingerprint.ofDigest(sha256), { name, admin })
  const tokens = auth.jwt && createTokens(auth.jwt, clock)
  return {
    identify(context) {
      const credential = credentialOf(context)
      if (credential === undefined) throw refusal()
      const print = fingerprint.of(credential)
      const caller = keys.get(print) ?? tokens?.remembered(print)
      if (caller) return caller
      if (!tokens) throw refusal()
      return tokens.verify(credential, print)
    },
  }
}

/**
 * The time that a lookup in a Map takes depends on what it compares, so it must not compare anything that a caller can
 * aim at. What is looked up here is the SHA-256 of a secret, random salt and the credential's SHA-256: without the salt
 * nobody can tell which credential comes near a known one, and the time of a lookup says nothing.
 */
function createFingerprint() {
  const salt = randomBytes(32).toString('hex')
  const ofDigest = (sha256: string) => hash('sha256', salt + sha256)
  return { ofDigest, of: (credential: string) => ofDigest(hash('sha256', credential)) }
}

function credentialOf(context: CallContext): string | undefined {
  const credential = context.credential ? bearerToken(context.credential) : context.header('x-api-key')
  return credential && credential.length <= LONGEST_CREDENTIAL ? credential : undefined
}

/** The scheme's name may be in any case: https://www.rfc-editor.org/rfc/rfc9110#section-11.1 */
function bearerToken(authorization: string): string | undefined {
  const scheme = authorization.slice(0, 7)
  if (scheme !== 'Bearer ' && scheme.toLowerCase() !== 'bearer ') return undefined
  return authorization.slice(7).trim()
}

function createTokens(settings: JwtSettings, clock: Clock) {
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
    remembered(print: string): Caller | undefined {
      const known = verified.get(print)
      if (!known) return undefined
      if (clock.wall() < known.until) return known.caller
      verified.delete(print)
      return undefined
    },
    async verify(token: string, print: string): Promise<Caller> {
      const payload = await verifiedPayload(token)
      const caller = payload && callerOf(payload)
      if (!caller) throw refusal()
      verified.set(print, { caller, until: ((payload.exp ?? 0) + LEEWAY) * 1000 })
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
function callerOf({ sub, admin, scope }: JWTPayload): Caller | undefined {
  if (typeof sub !== 'string' || sub.length === 0 || sub.length > LONGEST_NAME || /\p{Cc}/u.test(sub)) return undefined
  return { name: sub, admin: admin === true || (typeof scope === 'string' && scope.split(' ').includes('admin')) }
}

/** The same text whatever was wrong, so that it tells nothing to those who guess. */
function refusal(): GatewayError {
  return new GatewayError(
    'UNAUTHENTICATED',
    'A valid API key or token is needed: send it as "authorization: Bearer <credential>".',
  )
}
