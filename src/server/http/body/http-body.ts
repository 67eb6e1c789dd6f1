import type { ConnectError } from '@connectrpc/connect'
import type { UniversalServerRequest } from '@connectrpc/connect/protocol'
import { compressionGzip } from '@connectrpc/connect-node'
import { CallRecord } from '../../../domain/calls/call-record.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError } from '../../../domain/errors/error.ts'
import { FRAME_PREFIX } from '../../codec/encode.ts'
import type { RequestCheck } from '../../codec/request-check.ts'
import type { UnpackingRoom } from '../../codec/unpacking.ts'
import { errorReply, toConnectError } from '../../errors.ts'
import { type Refusal, refusalReply } from '../../refusals.ts'
import type { HttpRequest } from '../http-rules.ts'
import { collect } from './collect.ts'
import { fromText, textLength } from './grpc-web-text.ts'
import type { HttpUpload } from './http-upload.ts'

/** In the flags before an enveloped message. https://connectrpc.com/docs/protocol/ */
const COMPRESSED = 1

export interface BodyOptions {
  /** Checks of the method's request. */
  readonly check: RequestCheck
  /** Limit for a message, compressed or not. */
  readonly maxReceiveBytes: number
  readonly unpacking: UnpackingRoom
  /** Counts what has arrived. */
  readonly upload: HttpUpload
  readonly onRefused: (refusal: Refusal) => void
  readonly clock: Clock
  /** Whether the body is in base64. */
  readonly isText: boolean
}

/**
 * The request as Connect sees it: decompressed when its turn comes, and checked before it is decoded. What is wrong in
 * any other way is left to Connect to refuse.
 */
export function withCheckedBody(
  node: HttpRequest,
  request: UniversalServerRequest,
  options: BodyOptions,
): UniversalServerRequest {
  const { header } = request
  const form = formOf(header)
  const length = Number(header.get('content-length') ?? Number.NaN)
  if (!form || (!form.enveloped && length > options.maxReceiveBytes)) return request
  if (form.packed || options.isText) {
    header.delete('content-length')
    if (!form.enveloped) header.delete('content-encoding')
  }
  return { ...request, body: once(() => read(node, form, options)) }
}

interface Form {
  readonly json: boolean
  readonly enveloped: boolean
  readonly packed: boolean
}

/** Undefined where Connect refuses it: another type, or another encoding. */
function formOf(header: Headers): Form | undefined {
  const type = /^application\/(grpc-web|connect)?\+?(proto|json)?(?:;|$)/i.exec(header.get('content-type') ?? '')
  if (!type) return undefined
  const [, protocol, codec] = type
  const before = { 'grpc-web': 'grpc-', connect: 'connect-content-' }[protocol?.toLowerCase() ?? ''] ?? 'content-'
  const encoding = header.get(`${before}encoding`) ?? 'identity'
  if (encoding !== 'identity' && encoding !== 'gzip') return undefined
  return { json: codec?.toLowerCase() === 'json', enveloped: protocol !== undefined, packed: encoding === 'gzip' }
}

/** Its bytes are counted until they are decompressed and checked: Connect decodes them at once. */
async function read(node: HttpRequest, form: Form, options: BodyOptions): Promise<Uint8Array> {
  try {
    return await readChecked(node, form, options)
  } finally {
    options.upload.release()
  }
}

async function readChecked(node: HttpRequest, form: Form, options: BodyOptions): Promise<Uint8Array> {
  const { maxReceiveBytes, upload } = options
  if (form.enveloped) return readEnveloped(await collectEnveloped(node, options), form, options)
  const body = await collect(node, { limit: maxReceiveBytes, upload })
  if (body.length > maxReceiveBytes) return body
  if (form.packed) return unpack(body, form, options)
  check(body, form, options)
  return body
}

async function collectEnveloped(node: HttpRequest, { maxReceiveBytes, isText, upload }: BodyOptions): Promise<Buffer> {
  const limit = maxReceiveBytes + FRAME_PREFIX
  if (!isText) return collect(node, { limit, upload })
  return fromText(await collect(node, { limit: textLength(limit), upload }))
}

/** Leaves to Connect what it refuses before it decodes anything: a message that is too large, or is cut off. */
async function readEnveloped(body: Buffer, form: Form, options: BodyOptions): Promise<Uint8Array> {
  if (body.length < FRAME_PREFIX) return body
  const length = body.readUInt32BE(1)
  const message = body.subarray(FRAME_PREFIX)
  if (length > options.maxReceiveBytes || message.length < length) return body
  if (message.length > length) throw toConnectError(refusalReply('messages', options.clock))
  const flags = body.readUInt8(0)
  if (flags === COMPRESSED) return form.packed ? envelope(await unpack(message, form, options)) : body
  if (flags !== 0) throw invalid(`The message has the flags ${flags}. Send 0, or 1 for a compressed message.`, options)
  check(message, form, options)
  return body
}

async function unpack(message: Buffer, form: Form, options: BodyOptions): Promise<Uint8Array> {
  const { unpacking, upload, maxReceiveBytes } = options
  // Nothing is decompressed for strangers.
  if (upload.caller === undefined) throw toConnectError(refusalReply('credential', options.clock))
  const { holder, part } = upload
  const request = { holder, part, isGone: () => upload.isGone }
  const unpacked = await unpacking
    .run(request, () => compressionGzip.decompress(new Uint8Array(message), maxReceiveBytes))
    .catch((thrown: unknown) => {
      throw thrown instanceof GatewayError ? refused(thrown, options) : thrown
    })
  upload.hold(unpacked.length)
  check(unpacked, form, options)
  return unpacked
}

/** No place to decompress it. */
function refused(error: GatewayError, { onRefused, clock }: BodyOptions): ConnectError {
  if (error.reason === 'TOO_MANY_COMPRESSED') onRefused('compressed_calls')
  return toConnectError(errorReply(error, new CallRecord(clock)))
}

/** Throws INVALID_REQUEST. */
function check(message: Uint8Array, { json }: Form, options: BodyOptions): void {
  try {
    if (json) options.check.json(message)
    else options.check.proto(message)
  } catch (error) {
    throw toConnectError(errorReply(GatewayError.from(error), new CallRecord(options.clock)))
  }
}

function invalid(message: string, { clock }: BodyOptions): ConnectError {
  return toConnectError(errorReply(new GatewayError('INVALID_REQUEST', message), new CallRecord(clock)))
}

function envelope(message: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_PREFIX)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Bytes that are not asked for before somebody reads them. */
function once(make: () => Promise<Uint8Array>): AsyncIterable<Uint8Array> {
  let made = false
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (made) return { done: true, value: undefined }
    made = true
    return { done: false, value: await make() }
  }
  return { [Symbol.asyncIterator]: () => ({ next }) }
}
