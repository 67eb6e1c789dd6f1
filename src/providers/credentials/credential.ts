import { createHash } from 'node:crypto'
import type { HttpRequest } from '../http/http-client.ts'

/** The request header that carries a key: `<name>: <prefix><key>`. */
export interface KeyHeader {
  readonly name: string
  readonly prefix: string
}

/** Adds to a request what its vendor needs to accept it. Wires and calls never see the secret. */
export interface Credential {
  /** Identifies the credential in logs, metrics and the key pool without revealing it; empty without a secret. */
  readonly id: string
  /** Headers that are the same for every request: they are merged into the provider's headers once. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Completes a request whose authorization depends on its content or on the time: a signature, a token that expires.
   * Absent where `headers` are enough: then the request is sent in the same turn. Rejects with a GatewayError.
   */
  authorize?(request: HttpRequest): HttpRequest | Promise<HttpRequest>
}

/** A key that is sent in a header, as it is. */
export function keyInHeader(key: string, { name, prefix }: KeyHeader): Credential {
  return { id: credentialId(key), headers: { [name]: prefix + key } }
}

/** For servers that ask for no key. */
export const noCredential: Credential = { id: '', headers: {} }

/** The first 8 hex digits of a secret's SHA-256: enough to tell secrets apart, no help in guessing them. */
export function credentialId(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8)
}
