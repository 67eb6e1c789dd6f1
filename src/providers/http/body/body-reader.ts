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
    if (format === 'json') return wholeChat(decoder, onFrame, malformed)
    return framed(format === 'sse' ? new SseFraming(onFrame) : new NdjsonFraming(onFrame), decoder)
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

function framed(framing: SseFraming | NdjsonFraming, decoder: ChatDecoder): BodyReader {
  return {
    get held() {
      return framing.held
    },
    write: (chunk) => framing.write(chunk),
    end() {
      framing.end()
      decoder.end()
    },
  }
}

/** A whole reply; lines of JSON under a name that does not say so are read as a stream. */
function wholeChat(decoder: ChatDecoder, onFrame: OnFrame, malformed: () => GatewayError): BodyReader {
  const chunks = new Chunks()
  return {
    get held() {
      return chunks.length
    },
    write: (chunk) => chunks.add(chunk),
    end() {
      const text = chunks.take().toString('utf8')
      const body = parsed(text)
      if (body !== undefined) {
        decoder.whole(body, text)
        return
      }
      const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '')
      if (lines.length < 2 || lines.some((line) => parsed(line) === undefined)) throw malformed()
      for (const line of lines) onFrame(line, '')
      decoder.end()
    },
  }
}

/** Reads one JSON value. Its end throws what `malformed` makes when there is none. */
export function wholeBody(read: (body: unknown) => void, malformed: () => GatewayError): BodyReader {
  const chunks = new Chunks()
  return {
    get held() {
      return chunks.length
    },
    write: (chunk) => chunks.add(chunk),
    end() {
      const body = parsed(
        chunks
          .take()
          .toString('utf8')
          .replace(/^\uFEFF/, ''),
      )
      if (body === undefined) throw malformed()
      read(body)
    },
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
