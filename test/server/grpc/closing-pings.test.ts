import type { ServerHttp2Session } from 'node:http2'
import { expect, test } from 'vitest'
import { keepWhileClosing } from '../../../src/server/grpc/closing-pings.ts'

/** A session of which only pings are looked at: Node sends none while it is closing. */
function sessionThat(state: { closed: boolean }) {
  const session = {
    destroyed: false,
    get closed() {
      return state.closed
    },
    ping: (callback: (error: Error | null) => void) => {
      callback(state.closed ? new Error('not sent') : null)
      return !state.closed
    },
  } as unknown as ServerHttp2Session
  keepWhileClosing(session)
  const ping = () =>
    new Promise<[sent: boolean, error: Error | null]>((resolve) => {
      const sent: boolean = session.ping((error) => setImmediate(() => resolve([sent, error])))
    })
  return ping
}

test('a ping is sent while the session is open', async () => {
  expect(await sessionThat({ closed: false })()).toEqual([true, null])
})

test('a ping succeeds while the session is closing, so that its open calls are not cut off', async () => {
  expect(await sessionThat({ closed: true })()).toEqual([true, null])
})
