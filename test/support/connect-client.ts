import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import { Code, ConnectError, type Transport } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import {
  type CallError,
  type CallOptions,
  callError,
  DEFAULT_DEADLINE,
  type Outcome,
  type ServerName,
  type StreamOutcome,
} from './client.ts'

/** The HTTP door, through Connect's own client. */
export class ConnectClient implements ServerName {
  readonly #transport: Transport

  constructor(url: string) {
    this.#transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', useBinaryFormat: true })
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { signal, deadline, metadata, onTrailers }: CallOptions = {},
  ): Promise<Outcome<MessageShape<O>>> {
    try {
      const { message, trailer } = await this.#transport.unary(method, signal, timeoutOf(deadline), metadata, request)
      onTrailers?.((name) => trailer.get(name) ?? undefined)
      return { value: message, error: undefined }
    } catch (error) {
      onTrailers?.((name) => ConnectError.from(error).metadata.get(name) ?? undefined)
      return { value: undefined, error: readError(error) }
    }
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { signal, deadline, metadata, onMessage, onTrailers }: CallOptions = {},
  ): Promise<StreamOutcome<MessageShape<O>>> {
    const messages: MessageShape<O>[] = []
    try {
      const reply = await this.#transport.stream(method, signal, timeoutOf(deadline), metadata, once(request))
      for await (const message of reply.message) {
        messages.push(message)
        onMessage?.(message)
      }
      onTrailers?.((name) => reply.trailer.get(name) ?? undefined)
      return { messages, error: undefined }
    } catch (error) {
      onTrailers?.((name) => ConnectError.from(error).metadata.get(name) ?? undefined)
      return { messages, error: readError(error) }
    }
  }

  close(): void {}
}

/** Connect's way to say that there is none is to say nothing. */
function timeoutOf(deadline = DEFAULT_DEADLINE): number | undefined {
  return deadline === Number.POSITIVE_INFINITY ? undefined : deadline
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value
}

function readError(thrown: unknown): CallError {
  const error = ConnectError.from(thrown)
  const code = Code[error.code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
  // Connect spells it with one l.
  const name = code === 'CANCELED' ? 'CANCELLED' : code
  const pushback = error.metadata.get('grpc-retry-pushback-ms') ?? undefined
  return callError(name, error.rawMessage, pushback, (schema) => error.findDetails(schema)[0])
}
