import { Chunks } from './chunks.ts'

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/**
 * Lines of a body, ended by LF, CRLF or CR. It works on bytes: none of them lies inside a UTF-8 character, so a line is
 * decoded whole whatever the chunks were. Lines have no limit of their own, the reply has.
 */
export class Lines {
  readonly #onLine: (line: string) => void
  readonly #rest = new Chunks()
  /** Whether the last byte was a CR, so that an LF is the rest of its line end. */
  #endedInReturn = false

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  /** Bytes of a line that is not complete. */
  get held(): number {
    return this.#rest.length
  }

  write(chunk: Buffer): void {
    if (chunk.length === 0) return
    let start = this.#endedInReturn && chunk[0] === NEWLINE ? 1 : 0
    this.#endedInReturn = chunk[chunk.length - 1] === CARRIAGE_RETURN
    let newline = chunk.indexOf(NEWLINE, start)
    let carriageReturn = chunk.indexOf(CARRIAGE_RETURN, start)
    while (newline >= 0 || carriageReturn >= 0) {
      const end = earlier(newline, carriageReturn)
      this.#line(chunk, start, end)
      start = end === carriageReturn && newline === end + 1 ? end + 2 : end + 1
      newline = notBefore(start, chunk, NEWLINE, newline)
      carriageReturn = notBefore(start, chunk, CARRIAGE_RETURN, carriageReturn)
    }
    if (start < chunk.length) this.#rest.add(start === 0 ? chunk : chunk.subarray(start))
  }

  /** The text behind the last line end. */
  end(): string {
    return this.#rest.length > 0 ? this.#rest.take().toString('utf8') : ''
  }

  #line(chunk: Buffer, start: number, end: number): void {
    if (this.#rest.length === 0) {
      this.#onLine(chunk.toString('utf8', start, end))
      return
    }
    this.#rest.add(chunk.subarray(start, end))
    this.#onLine(this.#rest.take().toString('utf8'))
  }
}

/** The first of two places, of which -1 is none. */
function earlier(one: number, other: number): number {
  return other < 0 || (one >= 0 && one < other) ? one : other
}

/** The place of a byte from `start` on. What was not found is not searched for again. */
function notBefore(start: number, chunk: Buffer, byte: number, known: number): number {
  return known >= 0 && known < start ? chunk.indexOf(byte, start) : known
}
