import type { GatewayError } from '../../domain/errors/error.ts'
import type { PullListener } from '../../domain/ports/model-puller.ts'
import type { EnsureModelProgress, EnsureModelState } from '../../domain/types.ts'
import type { PullStep, PullWire } from '../define.ts'
import type { Connection } from '../http/connection.ts'

/** What both ways to pull need. */
export interface PullParts {
  readonly connection: Connection
  readonly wire: PullWire
  readonly model: string
  readonly report: PullReport
}

/** Turns what the server says into what the listener receives. */
export class PullReport {
  readonly #listener: PullListener
  #percent = 0
  #last = ''
  #isOver = false

  constructor(listener: PullListener) {
    this.#listener = listener
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Reports a step that says something new. Returns whether it does: Ollama repeats its last line while a download
   * stands still.
   */
  progress({ state, status, bytes: { done, total } }: PullStep & { readonly kind: 'progress' }): boolean {
    const step = JSON.stringify([state, status, done, total])
    if (this.#isOver || step === this.#last) return false
    this.#last = step
    if (total > 0) this.#percent = Math.max(this.#percent, (100 * done) / total)
    this.#listener.progress(pullProgress(state, status, { done, total, percent: this.#percent }))
    return true
  }

  end(error?: GatewayError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.end(error)
  }

  /** Nothing is reported any more. */
  close(): void {
    this.#isOver = true
  }
}

function pullProgress(
  state: EnsureModelState,
  status: string,
  bytes: { readonly done: number; readonly total: number; readonly percent: number },
): EnsureModelProgress {
  return {
    $typeName: 'llmgateway.v1.EnsureModelProgress',
    state,
    status: status.slice(0, MAX_STATUS),
    doneBytes: BigInt(bytes.done),
    totalBytes: BigInt(bytes.total),
    percent: bytes.percent,
  }
}

/** Limit for the server's words, in characters. */
const MAX_STATUS = 256
