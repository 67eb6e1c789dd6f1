import type { DescMessage } from '@bufbuild/protobuf'
import type { UniversalServerRequest } from '@connectrpc/connect/protocol'
import { compressionGzip } from '@connectrpc/connect-node'
import { CallRecord } from '../../domain/call-record.ts'
import type { Clock } from '../../domain/clock.ts'
import { countFields, countValues, isSmall, MAX_PARTS, tooManyParts } from '../../domain/parts.ts'
import { FRAME_PREFIX } from '../codec/encode.ts'
import type { UnpackingRoom } from '../codec/unpacking.ts'
import { errorReply, toConnectError } from '../errors.ts'
import { type Refusal, refusalReply } from '../refusals.ts'
import { collect } from './collect.ts'
import type { HttpRequest } from './http-rules.ts'

/** Of the flags before a message of a stream and of gRPC-Web. https://connectrpc.com/docs/protocol/ */
const COMPRESSED = 1

export interface BodyOptions {
  /** Of the method. */
  readonly input: DescMessage
  /** Of a message, unpacked or not. */
  readonly maxReceiveBytes: number
  readonly unpacking: UnpackingRoom
  /** Whether nobody waits for an answer any more. */
  readonly isGone: () => boolean
  readonly onRefused: (refusal: Refusal) => void
  readonly clock: Clock
}

/**
 * The request as Connect is to see it: unpacked when its turn comes, and its parts counted before they are made into
 * objects. Small ones that are not packed pass as they are. What is wrong in any other way is Connect's to refuse.
 */
export function withCheckedBody(
  node: HttpRequest,
  request: UniversalServerRequest,
  options: BodyOptions,
): UniversalServerRequest {
  const { header } = request
  const form = formOf(header)
  const length = Number(header.get('content-length') ?? Number.NaN)
  if (!form || length > options.maxReceiveBytes + FRAME_PREFIX || (!form.packed && isSmall(length))) return request
  if (form.packed) {
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

async function read(node: HttpRequest, form: Form, options: BodyOptions): Promise<Uint8Array> {
  const prefix = form.enveloped ? FRAME_PREFIX : 0
  const limit = options.maxReceiveBytes + prefix
  const body = await collect(node, limit)
  // Connect says how large it may be.
  if (body.length > limit) return body
  const message = body.subarray(prefix)
  const [flags = 0] = body
  if (!form.packed || (form.enveloped && !(flags & COMPRESSED))) {
    check(message, form, options)
    return body
  }
  await turnToUnpack(options)
  try {
    const unpacked = await compressionGzip.decompress(new Uint8Array(message), options.maxReceiveBytes)
    check(unpacked, form, options)
    return form.enveloped ? envelope(flags & ~COMPRESSED, unpacked) : unpacked
  } finally {
    options.unpacking.leave()
  }
}

function turnToUnpack({ unpacking, isGone, onRefused, clock }: BodyOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    if (unpacking.enter({ isGone, enter: resolve })) return
    onRefused('compressed_calls')
    reject(toConnectError(refusalReply('compressed_calls', clock)))
  })
}

/** Throws INVALID_REQUEST. */
function check(message: Uint8Array, { json }: Form, { input, clock }: BodyOptions): void {
  if (isSmall(message.length)) return
  if ((json ? countValues(message) : countFields(input, message)) <= MAX_PARTS) return
  throw toConnectError(errorReply(tooManyParts(), new CallRecord(clock)))
}

function envelope(flags: number, message: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_PREFIX)
  head[0] = flags
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
