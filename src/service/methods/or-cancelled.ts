import type { Cancellation } from '../../domain/cancellation.ts'

/** Waits for work that is shared or cannot be cancelled, but no longer than the call lives. */
export function orCancelled<T>(work: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const withCall = { cancel: reject }
    cancellation.add(withCall)
    work.then(resolve, reject).finally(() => cancellation.remove(withCall))
  })
}
