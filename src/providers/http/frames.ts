import { GatewayError } from '../../domain/error.ts'

/** Cuts a body, as it arrives, into the frames that a decoder reads. Throws UPSTREAM_LIMIT. */
export interface Framing {
  write(chunk: Buffer): void
  /** The body has ended. */
  end(): void
}

export type OnFrame = (data: string, event: string) => void

/** The most bytes of a line, and of an SSE event. */
export const MAX_LINE = 1 << 20

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/**
 * Lines of a body. It works on bytes: a newline never lies inside a UTF-8 character, so a line is decoded whole
 * whatever the chunks were.
 */
class Lines {
  readonly #onLine: (line: string) => void
  #rest: Buffer[] = []
  #restLength = 0

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  write(chunk: Buffer): void {
    let start = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      if (this.#restLength > 0) {
        this.#keep(chunk.subarray(start, at))
        this.#onLine(this.#take())
      } else {
        if (at - start > MAX_LINE) throw tooLong()
        this.#onLine(text(chunk, start, at))
      }
      start = at + 1
    }
    if (start < chunk.length) this.#keep(start === 0 ? chunk : chunk.subarray(start))
  }

  /** What stands after the last newline. */
  end(): string {
    return this.#restLength > 0 ? this.#take() : ''
  }

  #keep(piece: Buffer): void {
    this.#restLength += piece.length
    if (this.#restLength > MAX_LINE) throw tooLong()
    this.#rest.push(piece)
  }

  #take(): string {
    const [first] = this.#rest
    const line = this.#rest.length === 1 && first ? first : Buffer.concat(this.#rest, this.#restLength)
    this.#rest = []
    this.#restLength = 0
    return text(line, 0, line.length)
  }
}

function text(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
}

function tooLong(): GatewayError {
  return new GatewayError('UPSTREAM_LIMIT', 'The upstream sent a line or event of more than 1 MiB.', { fallback: true })
}

/**
 * Server-sent events. `id`, `retry` and comments are passed over. JSON that stands bare in the
 * stream is told as a last frame: so Google ends a stream that fails.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class SseFraming implements Framing {
  readonly #onFrame: OnFrame
  readonly #lines = new Lines((line) => this.#line(line))
  #first = true
  #data: string | undefined
  #event = ''
  /** What stands outside of the format, from its first brace or bracket on. */
  #stray = ''

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  write(chunk: Buffer): void {
    this.#lines.write(chunk)
  }

  end(): void {
    const rest = this.#lines.end()
    if (rest) this.#line(rest)
    // Some servers leave out the last blank line. What a break cut in half is dropped: it must not pass for an event.
    if (this.#data !== undefined && isWhole(this.#data)) this.#dispatch()
    if (this.#stray !== '' && isWhole(this.#stray)) this.#onFrame(this.#stray, '')
  }

  #line(raw: string): void {
    const line = this.#first && raw.startsWith('\uFEFF') ? raw.slice(1) : raw
    this.#first = false
    if (line === '') {
      this.#dispatch()
    } else if (line.startsWith('data:')) {
      this.#append(value(line, 5))
    } else if (line.startsWith('event:')) {
      this.#event = value(line, 6)
    } else if (/^[{[]/.test(line) || this.#stray !== '') {
      this.#keepStray(line)
    }
  }

  #keepStray(line: string): void {
    if (this.#stray.length + line.length > MAX_LINE) throw tooLong()
    this.#stray += `${line}\n`
  }

  #append(data: string): void {
    if (this.#data === undefined) this.#data = data
    else if (this.#data.length + data.length > MAX_LINE) throw tooLong()
    else this.#data += `\n${data}`
  }

  #dispatch(): void {
    const data = this.#data
    const event = this.#event
    this.#data = undefined
    this.#event = ''
    if (data !== undefined) this.#onFrame(data, event)
  }
}

function value(line: string, at: number): string {
  return line.slice(line.charCodeAt(at) === 32 ? at + 1 : at)
}

function isWhole(data: string): boolean {
  if (data === '[DONE]') return true
  try {
    JSON.parse(data)
    return true
  } catch {
    return false
  }
}

/** One JSON value a line. https://github.com/ndjson/ndjson-spec */
export class NdjsonFraming implements Framing {
  readonly #onFrame: OnFrame
  readonly #lines = new Lines((line) => this.#line(line))

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
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

/**
 * How a streamed reply is cut, by its content type; undefined for a reply that is one JSON body. `usual` is how this
 * vendor's streams are cut: Ollama's cloud calls its lines of JSON `application/json`.
 */
export function framingFor(
  contentType: string,
  streamed: boolean,
  onFrame: OnFrame,
  usual: 'sse' | 'ndjson' = 'sse',
): Framing | undefined {
  if (contentType.includes('event-stream')) return new SseFraming(onFrame)
  if (contentType.includes('ndjson') || contentType.includes('jsonl')) return new NdjsonFraming(onFrame)
  if (streamed && usual === 'ndjson' && !contentType.includes('html')) return new NdjsonFraming(onFrame)
  const reported = contentType.includes('json') || contentType.includes('html')
  return streamed && !reported ? new SseFraming(onFrame) : undefined
}
