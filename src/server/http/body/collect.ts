import { Code, ConnectError } from '@connectrpc/connect'
import type { HttpRequest } from '../http-rules.ts'
import type { HttpUpload } from './http-upload.ts'

/** Pieces below this size, in bytes, are joined once their number is reached: each takes memory beside its bytes. */
const SMALL_PIECE = 1024
const MANY_PIECES = 256

export interface CollectOptions {
  /** In bytes. */
  readonly limit: number
  readonly upload: HttpUpload
}

/** Reads a request to its end, or to where it is larger than `limit`. Rejects when it breaks off or has to give way. */
export function collect(request: HttpRequest, { limit, upload }: CollectOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = []
    let small: Buffer[] = []
    let length = 0
    const join = () => {
      pieces.push(Buffer.concat(small))
      small = []
    }
    const done = () => {
      request.off('data', onData)
      join()
      resolve(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, length))
      pieces = []
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      small.push(chunk)
      if (chunk.length >= SMALL_PIECE || small.length >= MANY_PIECES) join()
      upload.hold(length)
      if (length > limit) done()
    }
    upload.begin((error) => {
      request.off('data', onData)
      request.pause()
      pieces = []
      small = []
      reject(error)
    })
    request.on('data', onData)
    request.once('end', done)
    request.once('error', reject)
    // Without an end before it; after one it says nothing new.
    request.once('close', () => reject(new ConnectError('the request broke off', Code.Aborted)))
  })
}
