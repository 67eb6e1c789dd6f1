import { Lines } from './lines.ts'

/** Cuts a body, as it arrives, into the frames that a decoder reads. */
export interface Framing {
  /** Bytes that are kept until their frame is complete. */
  readonly held: number
  write(chunk: Buffer): void
  /** The body has ended. */
  end(): void
}

export type OnFrame = (data: string, event: string) => void

const DONE = '[DONE]'

/**
 * Server-sent events. `id`, `retry` and comments are passed over. JSON outside of the format is passed on as a last frame:
 * this is how Google ends a stream that fails.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class SseFraming implements Framing {
  readonly #onFrame: OnFrame
  readonly #lines = new Lines((line) => this.#line(line))
  #data: string | undefined
  /** How many lines the data has. */
  #dataLines = 0
  #event = ''
  /** Text outside of the format, from its first brace or bracket on. */
  #stray = ''

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  get held(): number {
    return this.#lines.held + (this.#data?.length ?? 0) + this.#stray.length
  }

  write(chunk: Buffer): void {
    this.#lines.write(chunk)
  }

  end(): void {
    const rest = this.#lines.end()
    if (rest) this.#line(rest)
    // Some servers leave out the last blank line. Data that a break cut in half is dropped: it must not pass for an event.
    if (this.#data !== undefined && (this.#dataLines > 1 || isWhole(this.#data))) this.#dispatch()
    if (this.#stray !== '' && isWhole(this.#stray)) this.#onFrame(this.#stray, '')
  }

  #line(line: string): void {
    if (line === '') this.#dispatch()
    else if (line.startsWith('data:')) this.#append(value(line, 5))
    else if (line.startsWith('event:')) this.#event = value(line, 6)
    else if (/^[{[]/.test(line) || this.#stray !== '') this.#stray += `${line}\n`
  }

  #append(data: string): void {
    this.#dataLines++
    this.#data = this.#data === undefined ? data : `${this.#data}\n${data}`
  }

  #dispatch(): void {
    const data = this.#data
    if (data === undefined) {
      this.#event = ''
      return
    }
    const event = this.#event
    const isOneValue = this.#dataLines === 1 || isWhole(data)
    this.#data = undefined
    this.#dataLines = 0
    this.#event = ''
    if (isOneValue) this.#onFrame(withoutBlanks(data), event)
    // Some servers leave out the blank lines between events.
    else for (const line of data.split('\n')) if (isWhole(line)) this.#onFrame(withoutBlanks(line), event)
  }
}

function value(line: string, at: number): string {
  return line.slice(line.charCodeAt(at) === 32 ? at + 1 : at)
}

/** Some servers write blanks around `[DONE]`, or nothing but blanks to keep a connection open. */
function withoutBlanks(data: string): string {
  return data.length <= 2 * DONE.length ? data.trim() : data
}

function isWhole(data: string): boolean {
  if (data.trim() === DONE) return true
  try {
    JSON.parse(data)
    return true
  } catch {
    return false
  }
}

/** One JSON value on each line. https://github.com/ndjson/ndjson-spec */
export class NdjsonFraming implements Framing {
  readonly #onFrame: OnFrame
  readonly #lines = new Lines((line) => this.#line(line))

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  get held(): number {
    return this.#lines.held
  }

  write(chunk: Buffer): void {
    this.#lines.write(chunk)
  }

  end(): void {
    const rest = this.#lines.end()
    if (rest && isWhole(rest)) this.#line(rest)
  }

  #line(line: string): void {
    if (line.trim() !== '') this.#onFrame(line, '')
  }
}
