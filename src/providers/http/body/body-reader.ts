import type { GatewayError } from '../../../domain/errors/error.ts'
import type { ChatDecoder, ReplyFormat } from '../../define.ts'
import type { ChatReply } from '../chat-reply.ts'
import type { HttpHeaders } from '../http-client.ts'
import type { BodyReader } from '../upstream-call.ts'
import { Chunks } from './chunks.ts'
import { NdjsonFraming, type OnFrame, SseFraming } from './frames.ts'

/** How a body is cut. */
type Format = 'sse' | 'ndjson' | 'json'

/** Formats by the first byte: SSE begins with the name of a field or with a comment. */
const firstBytes: ReadonlyMap<number, Format> = new Map([
  ...Array.from('{[', (character) => [character.charCodeAt(0), 'json'] as const),
  ...Array.from('deir:', (character) => [character.charCodeAt(0), 'sse'] as const),
])

/** Formats by words in the content type. */
const contentTypes: readonly (readonly [RegExp, Format])[] = [
  [/event-stream/, 'sse'],
  [/ndjson|jsonl|json-?seq|jsonlines/, 'ndjson'],
  [/json|html/, 'json'],
]

/** Feeds the format's decoder. A reply is read as what it is, since servers and proxies name wrong content types. */
export function bodyReader(
  format: ReplyFormat,
  headers: HttpHeaders,
  streamed: boolean,
  malformed: () => GatewayError,
  answer: ChatReply,
): BodyReader {
  const decoder = format.decoder(answer)
  const onFrame: OnFrame = (data, event) => {
    if (!answer.ended) decoder.frame(data, event)
  }
  const contentType = String(headers['content-type'] ?? '').toLowerCase()
  const usual = streamed ? (format.streamFraming ?? 'sse') : 'json'
  const named = contentTypes.find(([words]) => words.test(contentType))?.[1]
  return new SniffingReader((firstByte) => {
    const format = formatOf(firstByte, named, usual)
    if (format === 'json') return new WholeChat(decoder, onFrame, malformed)
    const framing = format === 'sse' ? new SseFraming(onFrame) : new NdjsonFraming(onFrame)
    return new PiecewiseReader(framing, () => {
      framing.end()
      decoder.end()
    })
  })
}

/** An object or a list is a line of JSON where lines are named or usual. `firstByte` is -1 for an empty body. */
function formatOf(firstByte: number, named: Format | undefined, usual: Format): Format {
  const seen = firstBytes.get(firstByte)
  if (seen === 'json' && (named === 'ndjson' || usual === 'ndjson')) return 'ndjson'
  return seen ?? named ?? usual
}

/** Chooses how to read a body when its first byte is there. White space and a byte order mark before it mean nothing. */
class SniffingReader implements BodyReader {
  readonly #choose: (firstByte: number) => BodyReader
  #chosen: BodyReader | undefined

  constructor(choose: (firstByte: number) => BodyReader) {
    this.#choose = choose
  }

  get held(): number {
    return this.#chosen?.held ?? 0
  }

  write(chunk: Buffer): void {
    if (this.#chosen) {
      this.#chosen.write(chunk)
      return
    }
    const start = chunk.findIndex((byte) => !MEANINGLESS.has(byte))
    if (start < 0) return
    this.#chosen = this.#choose(chunk[start] ?? -1)
    this.#chosen.write(chunk.subarray(start))
  }

  end(): void {
    const reader = this.#chosen ?? this.#choose(-1)
    reader.end()
  }
}

const MEANINGLESS: ReadonlySet<number> = new Set(Buffer.from(' \t\r\n\uFEFF'))

/** Cuts a body into pieces while it arrives. */
interface Cutter {
  /** Bytes of a piece that is not complete. */
  readonly held: number
  write(chunk: Buffer): void
}

/** A body that is read piece by piece. */
export class PiecewiseReader implements BodyReader {
  readonly #cutter: Cutter
  readonly end: () => void

  /** `end`: called when the body has ended in good order. */
  constructor(cutter: Cutter, end: () => void) {
    this.#cutter = cutter
    this.end = end
  }

  get held(): number {
    return this.#cutter.held
  }

  write(chunk: Buffer): void {
    this.#cutter.write(chunk)
  }
}

/** A body that is read when all of it is there. */
abstract class WholeReader implements BodyReader {
  readonly #chunks = new Chunks()

  get held(): number {
    return this.#chunks.length
  }

  write(chunk: Buffer): void {
    this.#chunks.add(chunk)
  }

  end(): void {
    this.read(this.#chunks.take().toString('utf8'))
  }

  protected abstract read(text: string): void
}

/** A whole reply; lines of JSON under a name that does not say so are read as a stream. */
class WholeChat extends WholeReader {
  readonly #decoder: ChatDecoder
  readonly #onFrame: OnFrame
  readonly #malformed: () => GatewayError

  constructor(decoder: ChatDecoder, onFrame: OnFrame, malformed: () => GatewayError) {
    super()
    this.#decoder = decoder
    this.#onFrame = onFrame
    this.#malformed = malformed
  }

  protected read(text: string): void {
    const body = parsed(text)
    if (body !== undefined) {
      this.#decoder.whole(body, text)
      return
    }
    const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '')
    if (lines.length < 2 || lines.some((line) => parsed(line) === undefined)) throw this.#malformed()
    for (const line of lines) this.#onFrame(line, '')
    this.#decoder.end()
  }
}

/** One JSON value. Its end throws what `malformed` makes when there is none. */
export class WholeBody extends WholeReader {
  readonly #take: (body: unknown) => void
  readonly #malformed: () => GatewayError

  constructor(take: (body: unknown) => void, malformed: () => GatewayError) {
    super()
    this.#take = take
    this.#malformed = malformed
  }

  protected read(text: string): void {
    const body = parsed(text.replace(/^\uFEFF/, ''))
    if (body === undefined) throw this.#malformed()
    this.#take(body)
  }
}

/** Undefined, which no JSON text means, when it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
