import type { Worker } from 'node:worker_threads'
import type { Clock } from '../../../../domain/clock.ts'
import { GatewayError } from '../../../../domain/errors/error.ts'
import { fromThreadError, type ThreadMessage, type ThreadRequest } from './messages.ts'

/** Longest wait for a thread, in ms: a query takes up to 5 s, and waits for those before it. */
const TIMEOUT = 15_000
/** Requests that wait for a thread. */
const MAX_PENDING = 1_000
/** Time that a thread gets to close its database before it is ended, in ms. */
const TIME_TO_CLOSE = 1_000
/** Time before a thread that has failed is started again, in ms. */
const RESTART_DELAY = 1_000

interface Pending {
  resolve(result: unknown): void
  reject(error: GatewayError): void
  /** Stops the timer. */
  stop(): void
}

export interface ThreadLinkOptions {
  readonly start: () => Worker
  readonly clock: Clock
  /** Receives everything but results. */
  readonly onMessage?: (message: ThreadMessage) => void
  /** The thread has failed and is started again. */
  readonly onFailure?: (error: Error) => void
}

/** Calls the methods of a thread, which is started with the first call or by `open`. */
export class ThreadLink {
  readonly #options: ThreadLinkOptions
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 1
  #isClosed = false
  #stopRestart = () => {}

  constructor(options: ThreadLinkOptions) {
    this.#options = options
  }

  open(): Worker {
    this.#worker ??= this.#start()
    return this.#worker
  }

  /** Calls a method. Rejects with the error of the method, or with LEDGER_UNAVAILABLE when the thread does not answer. */
  call<T>(method: string, args: readonly unknown[], timeout = TIMEOUT): Promise<T> {
    if (this.#isClosed) return Promise.reject(unavailable('The gateway is stopping.'))
    if (this.#pending.size >= MAX_PENDING) return Promise.reject(unavailable('Too many questions are waiting.'))
    const id = this.#nextId++
    const request: ThreadRequest = { id, method, args }
    return new Promise<T>((resolve, reject) => {
      const stop = this.#options.clock.after(timeout, () => {
        this.#pending.delete(id)
        reject(unavailable(`The ledger's database has not answered for ${timeout / 1_000} s.`))
      })
      // The thread answers what the method's interface says.
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject, stop })
      this.open().postMessage(request)
    })
  }

  /** A thread is ended with its database closed, if it can be: ending native code at work may end the process. */
  async close(): Promise<void> {
    if (this.#worker && !this.#isClosed) await this.call('close', [], TIME_TO_CLOSE).catch(() => {})
    this.#isClosed = true
    this.#stopRestart()
    this.#rejectAll('The gateway is stopping.')
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = this.#options.start()
    let failure = new Error('The thread has ended.')
    worker.on('message', (message: ThreadMessage) => this.#receive(message))
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', () => this.#failed(failure))
    return worker
  }

  #receive(message: ThreadMessage): void {
    if (message.kind !== 'result' && message.kind !== 'error') {
      this.#options.onMessage?.(message)
      return
    }
    const pending = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    pending?.stop()
    if (message.kind === 'result') pending?.resolve(message.result)
    else pending?.reject(fromThreadError(message.error))
  }

  #failed(error: Error): void {
    this.#worker = undefined
    if (this.#isClosed) return
    this.#rejectAll(`The ledger's thread has failed: ${error.message}`)
    this.#options.onFailure?.(error)
    this.#stopRestart = this.#options.clock.after(RESTART_DELAY, () => this.open())
  }

  #rejectAll(message: string): void {
    for (const { reject, stop } of this.#pending.values()) {
      stop()
      reject(unavailable(message))
    }
    this.#pending.clear()
  }
}

export function unavailable(message: string): GatewayError {
  return new GatewayError('LEDGER_UNAVAILABLE', message)
}
