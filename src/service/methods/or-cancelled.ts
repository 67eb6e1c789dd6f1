import type { Cancellation } from '../../domain/cancellation.ts'

/** Waits for work that is shared or cannot be cancelled, until the call is cancelled at the latest. */
export function orCancelled<T>(work: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const withCall = { cancel: reject }
    cancellation.add(withCall)
    work.then(resolve, reject).finally(() => cancellation.remove(withCall))
  })
}
