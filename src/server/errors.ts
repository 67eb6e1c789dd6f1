import { create, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { ConnectError } from '@connectrpc/connect'
import { type CallRecord, duration, type Trailers } from '../domain/calls/call-record.ts'
import type { FieldViolation, GatewayError, QuotaViolation } from '../domain/errors/error.ts'
import { codes, isOutcomeUnknown, originOf, type Reason } from '../domain/errors/reasons.ts'
import { shownDelay, shownMessage } from '../domain/errors/shown.ts'
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorDetail,
  ErrorDetailSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type QuotaFailure,
  QuotaFailureSchema,
  type RetryInfo,
  RetryInfoSchema,
  RpcStatusSchema,
} from '../domain/types.ts'

/**
 * How an error leaves the gateway, the same at both servers.
 *
 * The sizes are those that a Python client can read: the sum of its response headers, binary ones in base64 and the
 * message percent-encoded, must stay under 8,192 bytes, or grpcio shows RESOURCE_EXHAUSTED in place of the status.
 */
const MAX_STATUS_BYTES = 4096
const MAX_MESSAGE_ENCODED = 2000
const MAX_TEXT_BYTES = 200
const MAX_DESCRIPTION_BYTES = 300
const MAX_FIELDS = 20
const MAX_ATTEMPTS = 16

/** Clients must not repeat these calls by themselves, even where waiting can help. */
const WITHOUT_RETRY: readonly Reason[] = ['UPSTREAM_QUOTA_EXHAUSTED', 'BUDGET_EXCEEDED', 'OVER_MAX_COST']

const DOMAIN = 'llmgateway.v1'

/** An error in the words of the wire. */
export interface ErrorReply {
  /** The gRPC status code, which is Connect's too. */
  readonly code: number
  readonly message: string
  /** Wait so long before trying again, in ms; -1 means do not; undefined where waiting is not known to help. */
  readonly pushback: number | undefined
  readonly details: readonly Detail[]
}

interface Detail {
  readonly desc: DescMessage
  readonly value: Message
}

interface Details {
  readonly info: ErrorInfo
  readonly retry: RetryInfo | undefined
  readonly quota: QuotaFailure | undefined
  readonly badRequest: BadRequest | undefined
  readonly attempts: ErrorDetail
}

/** The reply for an error. An INTERNAL one has a constant text: its cause is for the log. */
export function errorReply(error: GatewayError, record: CallRecord): ErrorReply {
  const usage = record.usage()
  const code = codes[error.code]
  const message = shorten(shownMessage(error), MAX_MESSAGE_ENCODED, encodedLength)
  const delay = shownDelay(error)
  const details: Details = {
    info: create(ErrorInfoSchema, { reason: error.reason, domain: DOMAIN, metadata: metadataOf(error, record) }),
    retry: delay === undefined ? undefined : create(RetryInfoSchema, { retryDelay: duration(delay) }),
    quota: quotaFailureOf(error.facts.quota),
    badRequest: badRequestOf(error.facts.fields),
    attempts: create(ErrorDetailSchema, {
      attempts: record.endedAttempts().slice(-MAX_ATTEMPTS),
      committed: record.committed(),
      ...(usage && { usage }),
      upstreamMessage: publicMessage(error),
    }),
  }
  while (statusOf({ code, message, details: listed(details) }).length > MAX_STATUS_BYTES && shrink(details));
  // What the vendor may have processed is not to be processed again by itself.
  const isFinal = WITHOUT_RETRY.includes(error.reason) || isOutcomeUnknown(error.reason)
  const pushback = isFinal ? -1 : delay
  return { code, message, pushback, details: listed(details) }
}

function publicMessage({ facts }: GatewayError): string {
  return (facts.upstream?.isMessagePublic && facts.upstream.message) || ''
}

/** The status of a call as gRPC sends it: in trailers, or in headers where nothing else is sent. */
export function toHeaders(reply: ErrorReply): Record<string, string> {
  const headers: Record<string, string> = {
    'grpc-status': String(reply.code),
    'grpc-message': encodeURI(reply.message),
    'grpc-status-details-bin': statusOf(reply).toString('base64'),
  }
  if (reply.pushback !== undefined) headers['grpc-retry-pushback-ms'] = String(Math.ceil(reply.pushback))
  return headers
}

export function toConnectError(reply: ErrorReply, trailers: Trailers = {}): ConnectError {
  const metadata: Record<string, string> = { ...trailers }
  if (reply.pushback !== undefined) metadata['grpc-retry-pushback-ms'] = String(Math.ceil(reply.pushback))
  const details = reply.details.map(({ desc, value }) => ({ desc, value }))
  return new ConnectError(reply.message, reply.code, metadata, details)
}

/** The same code and message as the gRPC status has: grpcio raises a ValueError where they differ. */
function statusOf({ code, message, details }: Pick<ErrorReply, 'code' | 'message' | 'details'>): Buffer {
  const packed = details.map(({ desc, value }) => anyPack(desc, value))
  return Buffer.from(toBinary(RpcStatusSchema, create(RpcStatusSchema, { code, message, details: packed })))
}

function listed({ info, retry, quota, badRequest, attempts }: Details): Detail[] {
  const details: Detail[] = [{ desc: ErrorInfoSchema, value: info }]
  if (retry) details.push({ desc: RetryInfoSchema, value: retry })
  if (quota) details.push({ desc: QuotaFailureSchema, value: quota })
  if (badRequest) details.push({ desc: BadRequestSchema, value: badRequest })
  details.push({ desc: ErrorDetailSchema, value: attempts })
  return details
}

/** Drops what can best be missed. False when nothing is left to drop. */
function shrink({ info, badRequest, attempts }: Details): boolean {
  if (attempts.attempts.shift()) return true
  if (attempts.upstreamMessage !== '') {
    attempts.upstreamMessage = ''
    return true
  }
  if (badRequest && badRequest.fieldViolations.length > 1) return badRequest.fieldViolations.pop() !== undefined
  const last = Object.keys(info.metadata).at(-1)
  return last !== undefined && delete info.metadata[last]
}

/** Only what is known; what can best be missed comes last. */
function metadataOf({ reason, facts }: GatewayError, record: CallRecord): Record<string, string> {
  const { provider, model, upstream } = facts
  const known: Record<string, string | undefined> = {
    origin: originOf(reason),
    provider,
    target: provider && model && `${provider}/${model}`,
    attempts: record.attempts.length > 0 ? String(record.attempts.length) : undefined,
    committed: record.attempts.length > 0 ? String(record.committed()) : undefined,
    upstream_status: upstream?.status?.toString(),
    upstream_code: upstream?.code,
    upstream_request_id: upstream?.requestId,
  }
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(known)) if (value) metadata[name] = shorten(value, MAX_TEXT_BYTES)
  return metadata
}

function badRequestOf(fields: readonly FieldViolation[] | undefined): BadRequest | undefined {
  if (!fields?.length) return undefined
  const fieldViolations = fields.slice(0, MAX_FIELDS).map(({ field, description }) => ({
    field: shorten(field, MAX_TEXT_BYTES),
    description: shorten(description, MAX_DESCRIPTION_BYTES),
  }))
  return create(BadRequestSchema, { fieldViolations })
}

function quotaFailureOf(quota: QuotaViolation | undefined): QuotaFailure | undefined {
  if (!quota) return undefined
  const subject = shorten(quota.subject, MAX_TEXT_BYTES)
  const description = shorten(quota.description, MAX_DESCRIPTION_BYTES)
  return create(QuotaFailureSchema, { violations: [{ subject, description }] })
}

/** Without lone surrogates, on which grpc-js throws, and cut to a size. */
function shorten(text: string, limit: number, size: (text: string) => number = Buffer.byteLength): string {
  const clean = text.slice(0, limit + 1).toWellFormed()
  if (text.length <= limit && size(clean) <= limit) return clean
  const characters = [...clean]
  let length = '...'.length
  let kept = 0
  for (const character of characters) {
    length += size(character)
    if (length > limit) break
    kept++
  }
  return `${characters.slice(0, kept).join('')}...`
}

/** Length of a message in the header `grpc-message`. */
function encodedLength(text: string): number {
  return encodeURI(text).length
}
