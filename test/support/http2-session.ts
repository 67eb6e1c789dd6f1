import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'

/** The server has dealt with all that was sent to it, and what it sent then is here. */
export async function heard(session: ClientHttp2Session): Promise<void> {
  if (session.connecting) await once(session, 'connect')
  for (let round = 0; round < 2; round++) {
    await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())))
  }
}
