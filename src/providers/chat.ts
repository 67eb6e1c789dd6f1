import { EventStream, type Source } from '../domain/event-stream.ts'
import type { Ask } from '../domain/ports.ts'
import type { ChatEvent, ChatRequest } from '../domain/types.ts'
import { Answer } from './answer.ts'
import { bodyReader } from './body-reader.ts'
import type { Connection } from './connection.ts'
import { Exchange } from './exchange.ts'
import type { HttpHeaders } from './upstream.ts'

/** One chat with a vendor over HTTP. Settles when the first meaningful event is in hand. Throws what encoding throws. */
export function askChat(connection: Connection, ask: Ask<ChatRequest>): Promise<EventStream<ChatEvent>> {
  const { settings, wire } = connection
  const { attempt, context, model } = ask
  const streamed = ask.stream || settings.streamUnary
  const encoded = wire.chat.encode(ask.request, connection.wireContext(ask, streamed))
  context.cancellation.throwIfCancelled()

  return new Promise((resolve, reject) => {
    let replyHeaders: HttpHeaders = {}
    const answer = new Answer({
      ask,
      describe: connection.catalogue.facts,
      begin() {
        stopListening()
        exchange.commit()
        const events = new EventStream<ChatEvent>(context.cancellation, source)
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
        request: connection.request('POST', encoded, attempt.keyId, ask.traceparent),
        clock: connection.clock,
        provider: settings.name,
        assumed: settings.assumed ?? false,
        model,
        streamed,
        timeouts: ask.timeout ? { ...settings.timeout, ...ask.timeout } : settings.timeout,
        firstEventBy: ask.firstEventBy,
      },
      {
        accept(headers) {
          attempt.status = 200
          replyHeaders = headers
          return bodyReader(wire.chat, headers, streamed, () => connection.malformed(model), answer)
        },
        refuse(status, headers, body) {
          attempt.status = status
          answer.fail(connection.refusal(model, status, headers, body))
        },
        fail: (error) => answer.fail(error),
      },
    )
    const source: Source = {
      pause: () => exchange.pause(),
      resume: () => exchange.resume(),
      cancel() {
        exchange.cancel()
        answer.abandon()
      },
    }
    const stopListening = context.cancellation.onCancel((reason) => {
      exchange.cancel()
      reject(reason)
    })
    exchange.send()
  })
}
