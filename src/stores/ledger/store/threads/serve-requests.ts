import { type MessagePort, parentPort } from 'node:worker_threads'
import { type ThreadMessage, type ThreadRequest, toThreadError } from './messages.ts'

/** The methods that the main thread may call. */
export type ThreadMethods = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>

/** The port to the main thread. Throws when this is the main thread. */
export function portToMain(): MessagePort {
  if (parentPort) return parentPort
  throw new Error('This module is started as a thread.')
}

/** Answers the requests of the main thread. */
export function serveRequests(port: MessagePort, methods: ThreadMethods): void {
  const send = (message: ThreadMessage) => port.postMessage(message)
  port.on('message', ({ id, method, args }: ThreadRequest) => {
    // The main thread calls the methods by the interfaces that they implement.
    const call = methods[method] as ((...args: readonly unknown[]) => Promise<unknown>) | undefined
    const result = call ? call(...args) : Promise.reject(new Error(`There is no method ${method}.`))
    result.then(
      (result) => send({ kind: 'result', id, result }),
      (error: unknown) => send({ kind: 'error', id, error: toThreadError(error) }),
    )
  })
}
