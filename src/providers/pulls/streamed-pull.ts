import { GatewayError } from '../../domain/errors/error.ts'
import { EnsureModelState } from '../../domain/types.ts'
import { PiecewiseReader } from '../http/body/body-reader.ts'
import { Lines } from '../http/body/lines.ts'
import type { HttpHeaders } from '../http/http-client.ts'
import { type BodyReader, type ReplyReader, UpstreamCall } from '../http/upstream-call.ts'
import { pullError } from './pull-errors.ts'
import type { PullParts } from './pull-report.ts'

/** Time in which a server may check and store what it has pulled without a word, in ms. */
const FINISHING_TIME = 1_800_000

/** A pull whose reply lasts as long as the download. Closing its connection stops it. */
export class StreamedPull implements ReplyReader {
  readonly #parts: PullParts
  readonly #reader
  readonly #upstreamCall: UpstreamCall
  #state = EnsureModelState.STARTING
  #stopIdleTimer: (() => void) | undefined

  constructor(parts: PullParts) {
    this.#parts = parts
    const { connection, wire, model } = parts
    const { settings, upstream, clock, replies } = connection
    this.#reader = wire.reader()
    const wanted = wire.request(model)
    const request = connection.request('POST', wanted)
    // The wire's own `accept` counts here.
    const headers = { ...request.headers, ...wanted.headers }
    const endless = { firstToken: FINISHING_TIME, idle: FINISHING_TIME, total: Number.POSITIVE_INFINITY }
    this.#upstreamCall = new UpstreamCall(
      {
        upstream,
        request: { ...request, headers },
        clock,
        replies,
        holder: '',
        provider: settings.name,
        assumed: settings.assumed ?? false,
        model,
        streamed: true,
        maxBytes: Number.POSITIVE_INFINITY,
        timeouts: { ...settings.timeout, ...endless },
        firstEventBy: Number.POSITIVE_INFINITY,
      },
      this,
    )
  }

  start(): void {
    this.#waitForMore()
    this.#upstreamCall.send()
  }

  stop(): void {
    this.#stopIdleTimer?.()
    this.#upstreamCall.cancel()
  }

  accept(): BodyReader {
    const lines = new Lines((line) => this.#line(line))
    return new PiecewiseReader(lines, () => {
      this.#line(lines.end())
      if (!this.#parts.report.isOver) this.#end(this.#brokenOff())
    })
  }

  refuse(status: number, _headers: HttpHeaders, body: string): void {
    const { connection, model } = this.#parts
    const error = connection.readError(body)
    this.#end(connection.withWords(pullError(connection.settings.name, model, error, status), error))
  }

  fail(error: GatewayError): void {
    this.#end(error)
  }

  #line(text: string): void {
    const { report, connection, model } = this.#parts
    const step = report.isOver || text === '' ? undefined : this.#reader.read(text)
    if (!step) return
    this.#upstreamCall.commit()
    if (step.kind === 'progress') {
      this.#state = step.state
      if (report.progress(step)) this.#waitForMore()
    } else if (step.kind === 'ready') this.#end()
    else this.#end(connection.withWords(pullError(connection.settings.name, model, step.error), step.error))
  }

  #end(error?: GatewayError): void {
    this.#stopIdleTimer?.()
    if (error) this.#upstreamCall.cancel()
    else this.#upstreamCall.release()
    this.#parts.report.end(error)
  }

  #waitForMore(): void {
    const { settings, clock } = this.#parts.connection
    const idle = this.#state === EnsureModelState.FINISHING ? FINISHING_TIME : settings.timeout.idle
    this.#stopIdleTimer?.()
    this.#stopIdleTimer = clock.after(idle, () => this.#end(this.#stalled(idle)))
  }

  #stalled(idle: number): GatewayError {
    return this.#error('UPSTREAM_IDLE_TIMEOUT', `made no progress for ${idle / 1000} s. What was pulled is kept.`)
  }

  #brokenOff(): GatewayError {
    return this.#error('UPSTREAM_STREAM_TRUNCATED', 'was broken off by the server. What was pulled is kept.')
  }

  #error(reason: 'UPSTREAM_IDLE_TIMEOUT' | 'UPSTREAM_STREAM_TRUNCATED', what: string): GatewayError {
    const { connection, model } = this.#parts
    const { name: provider } = connection.settings
    return new GatewayError(reason, `The pull of ${provider}/${model} ${what}`, { provider, model })
  }
}
