import { Cancellation } from '../../domain/cancellation.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { UpstreamRequest } from '../define.ts'
import { fetchJson } from '../http/fetch-json.ts'
import { pullError } from './pull-errors.ts'
import type { PullParts } from './pull-report.ts'

/** Time between two questions for the state of a download, in ms. */
const INTERVAL = 1_000
/** Limit for one question, in ms. */
const TIMEOUT = 10_000
/** Failed questions in a row after which the server counts as gone. */
const MAX_FAILURES = 5

type StatePath = Pick<UpstreamRequest, 'path' | 'base'>

/** A download that the server makes in the background. It cannot be stopped, only not watched any more. */
export class BackgroundPull {
  readonly #parts: PullParts
  readonly #reader
  readonly #cancellation = new Cancellation()
  #stopTimer: (() => void) | undefined
  #failures = 0
  /** When it last made progress, on the monotonic clock, in ms. */
  #movedAt: number

  constructor(parts: PullParts) {
    this.#parts = parts
    this.#reader = parts.wire.reader()
    this.#movedAt = parts.connection.clock.now()
  }

  start(): void {
    void this.#begin()
  }

  stop(): void {
    this.#stopTimer?.()
    this.#cancellation.cancel(new GatewayError('CANCELLED', 'Nobody watches the pull any more.'))
  }

  async #begin(): Promise<void> {
    const { wire, model } = this.#parts
    try {
      const reply = await this.#ask('POST', wire.request(model))
      this.#take(reply, wire.statePath?.(reply))
    } catch (thrown) {
      this.#end(this.#explained(GatewayError.from(thrown)))
    }
  }

  /** An unknown failure may pass: the download goes on meanwhile. */
  async #poll(state: StatePath): Promise<void> {
    try {
      const reply = await this.#ask('GET', state)
      this.#failures = 0
      this.#take(reply, state)
    } catch (thrown) {
      if (++this.#failures >= MAX_FAILURES) this.#end(GatewayError.from(thrown))
      else this.#pollLater(state)
    }
  }

  #take(reply: unknown, state: StatePath | undefined): void {
    const { report, connection, model } = this.#parts
    const { clock, settings } = connection
    const step = this.#reader.read(JSON.stringify(reply))
    if (step?.kind === 'failed') {
      this.#end(connection.withWords(pullError(connection.settings.name, model, step.error), step.error))
    } else if (step?.kind === 'ready') this.#end()
    else if (!state || !step) this.#end(connection.malformed(model))
    else {
      if (report.progress(step)) this.#movedAt = clock.now()
      if (clock.now() - this.#movedAt >= settings.timeout.idle) this.#end(this.#stalled())
      else this.#pollLater(state)
    }
  }

  #pollLater(state: StatePath): void {
    if (this.#parts.report.isOver) return
    this.#stopTimer = this.#parts.connection.clock.after(INTERVAL, () => void this.#poll(state))
  }

  async #ask(method: 'GET' | 'POST', request: StatePath & Partial<UpstreamRequest>): Promise<unknown> {
    const { connection, model } = this.#parts
    const outgoing = connection.request(method, request)
    const options = { model, timeout: TIMEOUT, cancellation: this.#cancellation }
    const { body } = await fetchJson(connection, outgoing, options)
    return body
  }

  /** A reply with a status of a failure means what it means for a pull. */
  #explained(error: GatewayError): GatewayError {
    const { connection, model } = this.#parts
    const { status, message = '' } = error.facts.upstream ?? {}
    return status === undefined ? error : pullError(connection.settings.name, model, { message }, status)
  }

  #end(error?: GatewayError): void {
    this.#stopTimer?.()
    this.#parts.report.end(error)
  }

  #stalled(): GatewayError {
    const { connection, model } = this.#parts
    const { name: provider, timeout } = connection.settings
    const message = `The pull of ${provider}/${model} made no progress for ${timeout.idle / 1000} s. It goes on at the server.`
    return new GatewayError('UPSTREAM_IDLE_TIMEOUT', message, { provider, model })
  }
}
