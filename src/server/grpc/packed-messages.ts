import type { IncomingHttpHeaders } from 'node:http2'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { GatewayError } from '../../domain/errors/error.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { UnpackingRoom } from '../codec/unpacking.ts'
import type { AnswerableRefusal } from '../refusals.ts'
import type { GuardedStream, GuardedUpload } from './guarded-upload.ts'

const unpackers = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const
const CHUNK = 64 * 1024
/** In the flags before a message. */
const COMPRESSED = 1
/** Kept in a stream so that it does not report its end before it is read again. */
const PLACEHOLDER = Buffer.alloc(1)

export interface PackedMessagesOptions {
  readonly room: UnpackingRoom
  readonly maxReceiveBytes: number
  /** Answer streams, which are not passed on then. */
  readonly refusals: {
    take(upload: GuardedUpload, chunk: Buffer): boolean
    refuse(stream: GuardedStream, refusal: AnswerableRefusal): void
    fail(stream: GuardedStream, error: GatewayError): void
  }
}

/**
 * Keeps compressed messages until they have arrived and it is their turn, and gives them to grpc-js decompressed: a
 * client cannot keep a place by sending slowly, or nothing.
 */
export class PackedMessages {
  readonly #options: PackedMessagesOptions

  constructor(options: PackedMessagesOptions) {
    this.#options = options
  }

  /** Calls `enter` when the message can be read; `headers` do not say then that it is compressed. */
  await(upload: GuardedUpload, headers: IncomingHttpHeaders, enter: () => void): void {
    const { refusals, maxReceiveBytes } = this.#options
    const { stream } = upload
    const pieces: Buffer[] = []
    const stop = () => {
      stream.pause()
      stream.off('data', onData)
      stream.off('end', onEnd)
    }
    const onEnd = () => {
      stop()
      if (upload.open) refusals.refuse(stream, 'messages')
    }
    const onData = (chunk: Buffer) => {
      if (!upload.open || !refusals.take(upload, chunk)) {
        stop()
        return
      }
      pieces.push(chunk)
      // One that is too large is grpc-js's to refuse.
      if (!upload.isWhole && (upload.length ?? 0) <= FRAME_PREFIX + maxReceiveBytes) return
      stop()
      const frame = Buffer.concat(pieces)
      if (upload.isWhole && frame[0] === COMPRESSED) void this.#unpack(upload, headers, frame, enter)
      else replay(upload, frame, enter)
    }
    stream.on('error', nothing)
    stream.on('data', onData)
    stream.on('end', onEnd)
  }

  /** Never rejects. */
  async #unpack(upload: GuardedUpload, headers: IncomingHttpHeaders, frame: Buffer, enter: () => void): Promise<void> {
    const { room, maxReceiveBytes, refusals } = this.#options
    const { stream, holder, part } = upload
    stream.unshift(PLACEHOLDER)
    const isGone = () => stream.closed || stream.destroyed
    const unpack = unpackers[headers['grpc-encoding'] === 'gzip' ? 'gzip' : 'deflate']
    upload.isWaiting = true
    try {
      const limits = { maxOutputLength: maxReceiveBytes, chunkSize: CHUNK }
      const message = await room.run({ holder, part, isGone }, () => unpack(frame.subarray(FRAME_PREFIX), limits))
      if (isGone() || !upload.open) return
      upload.isWaiting = false
      upload.hold(message.length)
      if (!upload.open) return
      stream.read(PLACEHOLDER.length)
      headers['grpc-encoding'] = 'identity'
      replay(upload, framed(message), enter)
    } catch (thrown) {
      if (isGone() || !upload.open) return
      const error = errorOf(thrown, maxReceiveBytes)
      if (error.reason === 'TOO_MANY_COMPRESSED') refusals.refuse(stream, 'compressed_calls')
      else refusals.fail(stream, error)
    }
  }
}

function replay(upload: GuardedUpload, frame: Buffer, enter: () => void): void {
  upload.repeated = frame.length
  upload.stream.unshift(frame)
  enter()
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_PREFIX)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

function errorOf(thrown: unknown, maxReceiveBytes: number): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  if (thrown instanceof RangeError) {
    const message = `The request has more than ${maxReceiveBytes} bytes once it is decompressed: send less, or have the limit raised.`
    return new GatewayError('MESSAGE_TOO_LARGE', message)
  }
  return new GatewayError('INVALID_REQUEST', 'The request cannot be decompressed.', { cause: thrown })
}

function nothing(): void {}
