import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

export interface RecordedSpan {
  traceId: string
  spanId: string
  parentSpanId: string
  name: string
  kind: number
  /** 2 is an error. */
  status: number
  attributes: Record<string, unknown>
}

/** An OTLP/HTTP collector on a real socket. */
export class Collector {
  readonly #server: Server
  readonly spans: RecordedSpan[] = []
  readonly paths: (string | undefined)[] = []

  private constructor(listener: (collector: Collector) => RequestListener) {
    this.#server = createServer(listener(this))
  }

  /** Takes every span. */
  static recording(): Promise<Collector> {
    return Collector.#listening((collector) => async (request, response) => {
      collector.paths.push(request.url)
      collector.spans.push(...readSpans(await bodyOf(request)))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  }

  /** Takes requests and never answers. */
  static hanging(): Promise<Collector> {
    return Collector.#listening((collector) => (request) => void collector.paths.push(request.url))
  }

  static refusing(): Promise<Collector> {
    return Collector.#listening(() => (request, response) => {
      request.resume()
      response.writeHead(400).end()
    })
  }

  static async #listening(listener: (collector: Collector) => RequestListener): Promise<Collector> {
    const collector = new Collector(listener)
    collector.#server.listen(0, '127.0.0.1')
    await once(collector.#server, 'listening')
    return collector
  }

  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo // it listens on a port
    return `http://127.0.0.1:${port}/v1/traces`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer) // no encoding is set
  return Buffer.concat(chunks)
}

/*
 * The part of opentelemetry/proto/trace/v1/trace.proto that the tests look at, read by field numbers.
 */

function readSpans(body: Uint8Array): RecordedSpan[] {
  return messages(body, 1).flatMap((resource) =>
    messages(resource, 2).flatMap((scope) => messages(scope, 2).map(spanOf)),
  )
}

function spanOf(bytes: Uint8Array): RecordedSpan {
  const fields = fieldsOf(bytes)
  const attributes = messages(bytes, 9).map((pair) => [text(fieldsOf(pair).get(1)), anyValueOf(messages(pair, 2)[0])])
  const status = messages(bytes, 15)[0]
  return {
    traceId: hex(fields.get(1)),
    spanId: hex(fields.get(2)),
    parentSpanId: hex(fields.get(4)),
    name: text(fields.get(5)),
    kind: Number(fields.get(6)?.[0]),
    status: status ? Number(fieldsOf(status).get(3)?.[0] ?? 0) : 0,
    attributes: Object.fromEntries(attributes),
  }
}

function anyValueOf(bytes: Uint8Array | undefined): unknown {
  if (!bytes) return undefined
  const fields = fieldsOf(bytes)
  if (fields.has(1)) return text(fields.get(1))
  if (fields.has(3)) return Number(fields.get(3)?.[0])
  const list = messages(bytes, 5)[0]
  return list && messages(list, 1).map(anyValueOf)
}

type Field = readonly (Uint8Array | number | bigint)[]

function fieldsOf(bytes: Uint8Array): Map<number, Field> {
  const reader = new BinaryReader(bytes)
  const fields = new Map<number, Field>()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    const value = valueAt(reader, type)
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}

function valueAt(reader: BinaryReader, type: WireType): Uint8Array | number | bigint {
  if (type === WireType.LengthDelimited) return reader.bytes()
  if (type === WireType.Bit64) return BigInt(reader.fixed64())
  if (type === WireType.Bit32) return reader.fixed32()
  return BigInt(reader.uint64())
}

function messages(bytes: Uint8Array, field: number): Uint8Array[] {
  return (fieldsOf(bytes).get(field) ?? []).filter((value) => value instanceof Uint8Array)
}

function text(field: Field | undefined): string {
  const value = field?.[0]
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : ''
}

function hex(field: Field | undefined): string {
  const value = field?.[0]
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : ''
}
