import type { UniversalServerResponse } from '@connectrpc/connect/protocol'

/*
 * gRPC-Web in text mode: the same bytes in base64, for browsers that cannot stream binary responses. Connect does not
 * support it. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */

const TEXT = /^application\/grpc-web-text(?=$|[+;])/i
const CONTENT_TYPE = 'content-type'

/** Whether a request is in text mode. Its header then says binary mode, so that Connect accepts it. */
export function takeTextMode(header: Headers): boolean {
  const type = header.get(CONTENT_TYPE) ?? ''
  if (!TEXT.test(type)) return false
  header.set(CONTENT_TYPE, type.replace(TEXT, 'application/grpc-web'))
  return true
}

/** The response in text mode. Each piece is encoded by itself, so that a browser can decode it as it arrives. */
export function inTextMode(reply: UniversalServerResponse): UniversalServerResponse {
  const header = new Headers(reply.header)
  header.set(
    CONTENT_TYPE,
    (header.get(CONTENT_TYPE) ?? '').replace('application/grpc-web', 'application/grpc-web-text'),
  )
  // gRPC-Web answers with pieces, whatever the method.
  const body = reply.body && Symbol.asyncIterator in reply.body ? encoded(reply.body) : reply.body
  return { ...reply, header, ...(body && { body }) }
}

function encoded(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterate = () => {
    const inner = pieces[Symbol.asyncIterator]()
    return {
      async next(): Promise<IteratorResult<Uint8Array, undefined>> {
        const { done, value } = await inner.next()
        return done ? { done, value: undefined } : { done: false, value: toText(value) }
      },
      async return(): Promise<IteratorResult<Uint8Array, undefined>> {
        await inner.return?.()
        return { done: true, value: undefined }
      },
    }
  }
  return { [Symbol.asyncIterator]: iterate }
}

function toText(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'))
}

/** Length in base64 of as many bytes. */
export function textLength(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}

/** Decodes a body that may consist of several pieces, each with its padding. */
export function fromText(body: Buffer): Buffer {
  const text = body.toString('latin1')
  if (!/=[^=]/.test(text)) return Buffer.from(text, 'base64')
  return Buffer.concat((text.match(/[^=]+=*/g) ?? []).map((piece) => Buffer.from(piece, 'base64')))
}
