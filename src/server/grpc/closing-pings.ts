import type { ServerHttp2Session } from 'node:http2'

type PingCallback = (error: Error | null, duration: number, payload: Buffer) => void

/**
 * Keeps a session alive that is closing, while it finishes its open calls. Node sends no ping on such a session, and
 * grpc-js takes that for a dead client and destroys the session: calls that outlast a drain or the age of a connection
 * by one keepalive interval would be cut off. Here such a ping succeeds without being sent.
 */
export function keepWhileClosing(session: ServerHttp2Session): void {
  const ping = session.ping.bind(session) as (...args: unknown[]) => boolean // the overloads differ in their first argument
  session.ping = (...args: unknown[]): boolean => {
    if (!session.closed || session.destroyed) return ping(...args)
    const callback = args.at(-1)
    if (typeof callback === 'function') setImmediate(callback as PingCallback, null, 0, Buffer.alloc(8)) // a ping's own
    return true
  }
}
