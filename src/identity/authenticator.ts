import { hash } from 'node:crypto'
import type { Caller } from '../domain/calls/call.ts'
import type { Clock } from '../domain/clock.ts'
import { unauthenticated } from '../domain/errors/error.ts'
import type { RateLimits } from '../domain/limits/limits.ts'
import type { Authenticator, CredentialSource } from '../domain/ports/authenticator.ts'
import { ApiKeys } from './api-keys.ts'
import { Tokens } from './jwt.ts'
import type { AuthSettings, RequiredAuth } from './settings.ts'

/** Longest credential that is checked, in characters. */
const MAX_CREDENTIAL_LENGTH = 8192

export interface AuthenticatorOptions {
  readonly clock: Clock
  /** Limits of each caller, where it has none of its own. */
  readonly limits?: RateLimits | undefined
}

/** Without authentication every caller is an admin: only this machine can call, or the operator has turned it off. */
export function createAuthenticator(auth: AuthSettings, options: AuthenticatorOptions): Authenticator {
  if (auth.kind === 'required') return createRequired(auth, options)
  const everyone: Caller = { name: 'anonymous', admin: true, anonymous: true, limits: options.limits }
  return { identify: () => everyone }
}

function createRequired(auth: RequiredAuth, { clock, limits }: AuthenticatorOptions): Authenticator {
  const keys = new ApiKeys(auth.keys, limits)
  const tokens = auth.jwt && new Tokens(auth.jwt, clock, limits)
  return {
    identify(source) {
      if (source.caller) return source.caller
      const credential = credentialOf(source)
      if (credential === undefined) throw unauthenticated()
      const digest = digestOf(credential)
      const caller = keys.find(digest) ?? tokens?.remembered(digest)
      if (caller) return caller
      if (!tokens) throw unauthenticated()
      return verified(tokens, credential, digest)
    },
  }
}

async function verified(tokens: Tokens, credential: string, digest: string): Promise<Caller> {
  const caller = await tokens.verify(credential, digest)
  if (!caller) throw unauthenticated()
  return caller
}

/** SHA-256 as text, one character per byte: a Buffer takes four times as long. */
function digestOf(credential: string): string {
  return hash('sha256', credential, 'binary')
}

/** Credentials are sent as `authorization: Bearer <key or token>` or as `x-api-key: <key or token>`. */
function credentialOf(source: CredentialSource): string | undefined {
  const credential = source.credential ? bearerToken(source.credential) : source.header('x-api-key')
  return credential && credential.length <= MAX_CREDENTIAL_LENGTH ? credential : undefined
}

/** The scheme's name may be in any case: https://www.rfc-editor.org/rfc/rfc9110#section-11.1 */
function bearerToken(authorization: string): string | undefined {
  const scheme = authorization.slice(0, 7)
  if (scheme !== 'Bearer ' && scheme.toLowerCase() !== 'bearer ') return undefined
  return authorization.slice(7).trim()
}
