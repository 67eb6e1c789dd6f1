import { hash } from 'node:crypto'
import type { Caller } from '../domain/calls/call.ts'
import { ANONYMOUS } from '../domain/calls/caller-id.ts'
import type { Clock } from '../domain/clock.ts'
import { unauthenticated } from '../domain/errors/error.ts'
import type { Authenticator, CredentialSource } from '../domain/ports/authenticator.ts'
import { ApiKeys } from './api-keys.ts'
import { Tokens } from './jwt.ts'
import type { CommonRights } from './rights.ts'
import type { AuthSettings, RequiredAuth } from './settings.ts'

/** Longest credential that is checked, in characters. */
const MAX_CREDENTIAL_LENGTH = 8192

export interface AuthenticatorOptions extends Pick<CommonRights, 'limits' | 'aliases'> {
  readonly clock: Clock
}

/** Without authentication every caller is an admin: only this machine can call, or the operator has turned it off. */
export function createAuthenticator(auth: AuthSettings, options: AuthenticatorOptions): Authenticator {
  if (auth.kind === 'required') return createRequired(auth, options)
  const everyone: Caller = { id: ANONYMOUS, name: ANONYMOUS, admin: true, anonymous: true, limits: options.limits }
  return { identify: () => everyone }
}

function createRequired(auth: RequiredAuth, { clock, limits, aliases }: AuthenticatorOptions): Authenticator {
  const { providerOptions, cacheNamespaces } = auth
  const common = { limits, aliases, providerOptions, cacheNamespaces }
  const keys = new ApiKeys(auth.keys, common)
  const tokens = auth.jwt && new Tokens(auth.jwt, clock, common, new Set(auth.keys.map(({ name }) => name)))
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
