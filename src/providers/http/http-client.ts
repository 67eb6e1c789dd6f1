import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { Agent, type buildConnector, type Dispatcher } from 'undici'
import type { Clock } from '../../domain/clock.ts'
import type { ProxySettings } from '../settings.ts'
import { proxyConnector } from './proxy.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly origin: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: string | undefined
}

/** Receives one reply. After `fail` or `end` there is nothing more. */
export interface HttpReplyHandler {
  /** The request is on a connection; whether it is the first there. */
  sent(onFreshConnection: boolean): void
  start(status: number, headers: HttpHeaders): void
  data(chunk: Buffer): void
  end(): void
  fail(error: Error): void
}

/** Lower-case names. */
export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>

/** One request on its way. */
export interface ClientRequest {
  pause(): void
  resume(): void
  /** Closes the socket. The handler hears nothing more. */
  abort(): void
}

/** The only HTTP client. Redirects are not followed; nothing is retried; compressed replies are not asked for. */
export interface HttpClient {
  send(request: HttpRequest, handler: HttpReplyHandler): ClientRequest
  close(): Promise<void>
}

/** A name that could not be resolved is not asked for again for so long, in ms. */
const NEGATIVE_LOOKUP_MS = 5_000
const LOOKUP_TIMEOUT_MS = 2_000

export function createHttpClient(options: { clock: Clock; connectTimeout: number; proxy: ProxySettings }): HttpClient {
  const { clock, connectTimeout, proxy } = options
  const connector = new WatchedConnector(
    proxyConnector(proxy, { timeout: connectTimeout, lookup: boundedLookup(clock) }),
  )
  const settings: Agent.Options = {
    // Only the gateway's own queue may wait: a cap on connections would be a second one, without deadlines.
    connections: null,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    // The watchdog of each attempt sees to these.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 64 * 1024,
    connect: connector.connect,
  }
  const dispatcher = new Agent(settings)
  const isFresh = () => connector.isConnecting
  return {
    send(request, handler) {
      const upstreamCall = new UndiciRequest(handler, isFresh)
      const { method, origin, path, headers, body = null } = request
      dispatcher.dispatch({ method, origin, path, headers, body }, upstreamCall)
      return upstreamCall
    },
    close: () => dispatcher.destroy(),
  }
}

/** Undici sends the requests that wait for a connection in the turn in which that is made. */
class WatchedConnector {
  isConnecting = false
  readonly connect: buildConnector.connector

  constructor(connect: buildConnector.connector) {
    this.connect = (target, callback) =>
      connect(target, (...made) => {
        this.isConnecting = true
        try {
          callback(...made)
        } finally {
          this.isConnecting = false
        }
      })
  }
}

/** Undici's view and ours of one request. */
class UndiciRequest implements ClientRequest, Dispatcher.DispatchHandler {
  readonly #handler: HttpReplyHandler
  readonly #isFresh: () => boolean
  #controller: Dispatcher.DispatchController | undefined
  #over = false

  constructor(handler: HttpReplyHandler, isFresh: () => boolean) {
    this.#handler = handler
    this.#isFresh = isFresh
  }

  pause(): void {
    if (!this.#over) this.#controller?.pause()
  }

  resume(): void {
    if (!this.#over && this.#controller?.paused) this.#controller.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#abortNow()
  }

  #abortNow(): void {
    const controller = this.#controller
    // A paused reply must flow again before it is aborted, or its connection is never given back.
    if (controller?.paused) controller.resume()
    controller?.abort(new Error('aborted'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It was aborted while it waited for its connection.
    if (this.#over) this.#abortNow()
    else this.#handler.sent(this.#isFresh())
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HttpHeaders): void {
    if (!this.#over && status >= 200) this.#handler.start(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#handler.data(chunk)
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#over = true
    this.#handler.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#handler.fail(error)
  }
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** The system's resolver, which alone has no time limit and asks again at once for what it just did not find. */
function boundedLookup(clock: Clock) {
  const failures = new Map<string, { error: NodeJS.ErrnoException; until: number }>()
  return (host: string, options: LookupOptions, callback: LookupCallback): void => {
    const known = failures.get(host)
    if (known && known.until > clock.now()) {
      callback(known.error, '')
      return
    }
    failures.delete(host)
    let done = false
    const finish: LookupCallback = (error, address, family) => {
      if (done) return
      done = true
      stopTimer()
      if (error) failures.set(host, { error, until: clock.now() + NEGATIVE_LOOKUP_MS })
      callback(error, address, family)
    }
    const stopTimer = clock.after(LOOKUP_TIMEOUT_MS, () => {
      finish(Object.assign(new Error(`lookup of ${host} timed out`), { code: 'EAI_AGAIN' }), '')
    })
    systemLookup(host, options, finish)
  }
}
