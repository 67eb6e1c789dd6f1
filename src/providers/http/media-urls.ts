import { unsupported } from '../../domain/errors/error.ts'
import { InternalHosts } from '../../domain/text/internal-hosts.ts'
import type { ChatRequest } from '../../domain/types.ts'

/** A user name before the host, or a backslash, which may or may not be a slash. */
const AMBIGUOUS = /^[^/]*\/\/[^/?#]*@|\\/

/** Checks the addresses of media that a server on the operator's own network would fetch. */
export class MediaUrls {
  readonly #internal = new InternalHosts()

  /** Throws UNSUPPORTED for an address that leads into a private network, or that is not one of the web. */
  check({ messages }: ChatRequest): void {
    for (const [index, { parts }] of messages.entries()) {
      for (const [at, { content }] of parts.entries()) {
        if (content.case === undefined || content.case === 'text' || content.value.source.case !== 'url') continue
        const wrong = this.#wrongWith(content.value.source.value)
        if (wrong) throw unsupported(`messages[${index}].parts[${at}].${content.case}.url`, wrong)
      }
    }
  }

  #wrongWith(text: string): string | undefined {
    // Servers parse addresses by rules of their own: by some of these the host is what follows such a character.
    if (AMBIGUOUS.test(text)) return 'the target takes no addresses with a user name or a backslash'
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return 'the target takes http:// and https:// only'
    if (!this.#internal.has(url.hostname)) return undefined
    return 'the target takes no addresses of private networks: send the bytes'
  }
}
