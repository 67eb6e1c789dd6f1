import type { GatewayError } from '../domain/error.ts'
import { EventStream } from '../domain/event-stream.ts'
import type { Ask } from '../domain/ports.ts'
import type { ChatEvent, ChatRequest } from '../domain/types.ts'
import { Answer } from './answer.ts'
import type { ChatDecoder } from './define.ts'
import { type BodyReader, Exchange } from './exchange.ts'
import { framingFor } from './frames.ts'
import type { Connection } from './http-provider.ts'
import type { HttpHeaders } from './upstream.ts'

/** One chat with a vendor over HTTP. Settles when the first meaningful event is in hand. */
export function askChat(connection: Connection, ask: Ask<ChatRequest>): Promise<EventStream<ChatEvent>> {
  const { settings, wire } = connection
  const { attempt, context, model } = ask
  const streamed = ask.stream || settings.streamUnary
  const encoded = wire.chat.encode(ask.request, {
    ...connection.wireContext(ask),
    stream: streamed,
    defaults: ask.defaults,
  })
  context.cancellation.throwIfCancelled()

  return new Promise((resolve, reject) => {
    let replyHeaders: HttpHeaders = {}
    const answer = new Answer({
      ask,
      describe: connection.catalogue.facts,
      begin() {
        stopListening()
        exchange.commit()
        const events = new EventStream<ChatEvent>(context.cancellation, exchange)
        resolve(events)
        return events
      },
      completed: () => exchange.release(),
      failed(error, begun) {
        exchange.cancel()
        if (begun) return
        stopListening()
        reject(error)
      },
      readError: (error) => connection.told(model, error, replyHeaders),
    })
    const exchange = new Exchange(
      {
        upstream: connection.upstream,
        request: connection.request('POST', encoded, attempt, ask.traceparent),
        clock: connection.clock,
        provider: settings.name,
        model,
        streamed,
        timeouts: settings.timeout,
        firstEventBy: ask.firstEventBy,
      },
      {
        accept(headers) {
          attempt.status = 200
          replyHeaders = headers
          return bodyReader(wire.chat.decoder(answer), headers, streamed, () => connection.malformed(model), answer)
        },
        refuse(status, headers, body) {
          attempt.status = status
          answer.fail(connection.refusal(model, status, headers, body))
        },
        fail: (error) => answer.fail(error),
      },
    )
    const stopListening = context.cancellation.onCancel((reason) => {
      exchange.cancel()
      reject(reason)
    })
    exchange.send()
  })
}

/** Feeds a decoder as the reply's content type says. */
function bodyReader(
  decoder: ChatDecoder,
  headers: HttpHeaders,
  streamed: boolean,
  malformed: () => GatewayError,
  answer: Answer,
): BodyReader {
  const contentType = String(headers['content-type'] ?? '')
  const framing = framingFor(contentType, streamed, (data, event) => {
    if (!answer.ended) decoder.frame(data, event)
  })
  if (framing) {
    return {
      write: (chunk) => framing.write(chunk),
      end() {
        framing.end()
        decoder.end()
      },
    }
  }
  return wholeBody((body) => decoder.whole(body), malformed)
}

/** Reads one JSON value. Its end throws what `malformed` makes when it is none. */
export function wholeBody(read: (body: unknown) => void, malformed: () => GatewayError): BodyReader {
  const chunks: Buffer[] = []
  return {
    write(chunk) {
      chunks.push(chunk)
    },
    end() {
      const [first] = chunks
      const bytes = chunks.length === 1 && first ? first : Buffer.concat(chunks)
      let body: unknown
      try {
        body = JSON.parse(bytes.toString('utf8'))
      } catch {
        throw malformed()
      }
      read(body)
    },
  }
}
