import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '../../domain/calls/call.ts'
import type { Clock } from '../../domain/clock.ts'
import type { Authenticator, CredentialSource } from '../../domain/ports/authenticator.ts'
import { holderOfAddress } from '../../domain/text/address-holder.ts'
import { FailedCredentials } from './failed-credentials.ts'

/** A client whose credential is checked. */
export interface Client {
  readonly headers: IncomingHttpHeaders
  readonly address: string | undefined
  /** Whether what it asks for needs no credential. A wrong one is refused all the same. */
  readonly isOpen: boolean
}

export interface CallerCheckResult {
  /** The caller is undefined where no credential is needed and none was sent. */
  pass(caller: Caller | undefined): void
  refuse(): void
}

/** Checks the credential of a request when its headers are there, before any of its body is read. Both servers share one. */
export class CallerCheck {
  readonly #authenticator: Authenticator
  readonly #failed: FailedCredentials

  constructor({ authenticator, clock }: { readonly authenticator: Authenticator; readonly clock: Clock }) {
    this.#authenticator = authenticator
    this.#failed = new FailedCredentials(clock)
  }

  /** Calls one function of `result`, in this turn unless the credential is an unknown token or a wrong one too many. */
  check({ headers, address, isOpen }: Client, result: CallerCheckResult): void {
    const source = new HeaderCredential(headers)
    if (isOpen && source.isEmpty) {
      result.pass(undefined)
      return
    }
    const refuse = () => {
      if (source.isEmpty) result.refuse()
      else this.#failed.add(holderOfAddress(address), () => result.refuse())
    }
    try {
      const caller = this.#authenticator.identify(source)
      if (caller instanceof Promise) caller.then((known) => result.pass(known), refuse)
      else result.pass(caller)
    } catch {
      refuse()
    }
  }
}

class HeaderCredential implements CredentialSource {
  readonly #headers: IncomingHttpHeaders

  constructor(headers: IncomingHttpHeaders) {
    this.#headers = headers
  }

  get credential(): string | undefined {
    return this.#headers.authorization
  }

  get isEmpty(): boolean {
    return this.#headers.authorization === undefined && this.#headers['x-api-key'] === undefined
  }

  header(name: string): string | undefined {
    const value = this.#headers[name]
    return Array.isArray(value) ? value[0] : value
  }
}
