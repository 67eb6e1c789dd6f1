import type { Clock } from '../../src/domain/clock.ts'
import type { ClientRequest, HttpClient, HttpReplyHandler, HttpRequest } from '../../src/providers/http/http-client.ts'

/** What an upstream does with a request, step by step; `wait` in ms before each. */
export interface Script {
  readonly status: number
  readonly contentType: string
  readonly steps: readonly Step[]
}

export interface Step {
  readonly wait: number
  readonly act: { readonly send: string } | 'end' | 'break' | 'stall'
}

/** An upstream that plays scripts on a clock, and counts what is open. */
export class ScriptedUpstream implements HttpClient {
  readonly #clock: Clock
  readonly #script: (request: HttpRequest) => Script
  open = 0
  /** How many calls it was sent. */
  sent = 0
  /** How many calls the gateway gave up. */
  aborted = 0
  /** Called when something has just been sent. */
  onSend: () => void = () => {}

  constructor(clock: Clock, script: (request: HttpRequest) => Script) {
    this.#clock = clock
    this.#script = script
  }

  send(request: HttpRequest, handler: HttpReplyHandler): ClientRequest {
    this.open++
    this.sent++
    handler.sent(true)
    return new Playing(this.#clock, this.#script(request), handler, this)
  }

  async close(): Promise<void> {}
}

class Playing implements ClientRequest {
  readonly #clock: Clock
  readonly #script: Script
  readonly #handler: HttpReplyHandler
  readonly #upstream: ScriptedUpstream
  #next = 0
  #started = false
  #over = false
  #paused = false
  #due = false
  #stop: () => void

  constructor(clock: Clock, script: Script, handler: HttpReplyHandler, upstream: ScriptedUpstream) {
    this.#clock = clock
    this.#script = script
    this.#handler = handler
    this.#upstream = upstream
    this.#stop = clock.after(script.steps[0]?.wait ?? 0, () => this.#play())
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    if (!this.#due || this.#over) return
    this.#due = false
    this.#stop = this.#clock.after(0, () => this.#play())
  }

  abort(): void {
    if (this.#over) throw new Error('aborted twice, or after its end')
    this.#upstream.aborted++
    this.#finish()
  }

  #play(): void {
    if (this.#over) return
    if (this.#paused) {
      this.#due = true
      return
    }
    const step = this.#script.steps[this.#next++]
    if (!step || step.act === 'stall') return
    if (step.act === 'break') {
      this.#finish()
      this.#handler.fail(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
      return
    }
    if (!this.#started) {
      this.#started = true
      this.#handler.start(this.#script.status, { 'content-type': this.#script.contentType })
      if (this.#over) return
    }
    if (step.act === 'end') {
      this.#finish()
      this.#handler.end()
      return
    }
    this.#handler.data(Buffer.from(step.act.send))
    this.#upstream.onSend()
    if (this.#over) return
    const following = this.#script.steps[this.#next]
    if (following) this.#stop = this.#clock.after(following.wait, () => this.#play())
  }

  #finish(): void {
    this.#over = true
    this.#stop()
    this.#upstream.open--
  }
}
