import type { GatewayError } from '../../domain/error.ts'
import type { ChatWire } from '../define.ts'
import type { ChatReply } from './chat-reply.ts'
import { framingFor } from './frames.ts'
import type { HttpHeaders } from './http-client.ts'
import type { BodyReader } from './upstream-call.ts'

/** Feeds the wire's decoder as the reply's content type says. */
export function bodyReader(
  wire: ChatWire,
  headers: HttpHeaders,
  streamed: boolean,
  malformed: () => GatewayError,
  answer: ChatReply,
): BodyReader {
  const decoder = wire.decoder(answer)
  const contentType = String(headers['content-type'] ?? '')
  const onFrame = (data: string, event: string) => {
    if (!answer.ended) decoder.frame(data, event)
  }
  const framing = framingFor(contentType, streamed, onFrame, wire.streamFraming)
  if (framing) {
    return {
      write: (chunk) => framing.write(chunk),
      end() {
        framing.end()
        decoder.end()
      },
    }
  }
  return wholeBody((body, text) => decoder.whole(body, text), malformed)
}

/** Reads one JSON value and its text. Its end throws what `malformed` makes when there is none. */
export function wholeBody(read: (body: unknown, text: string) => void, malformed: () => GatewayError): BodyReader {
  const chunks: Buffer[] = []
  return {
    write(chunk) {
      chunks.push(chunk)
    },
    end() {
      const [first] = chunks
      const bytes = chunks.length === 1 && first ? first : Buffer.concat(chunks)
      const text = textOf(bytes)
      let body: unknown
      try {
        body = JSON.parse(text)
      } catch {
        throw malformed()
      }
      read(body, text)
    },
  }
}

/** Without the byte order mark that some servers begin with. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}
