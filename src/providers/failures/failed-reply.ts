import type { Blame } from '../../domain/errors/blame.ts'
import { type ErrorFacts, GatewayError } from '../../domain/errors/error.ts'
import { mayRetry } from '../../domain/errors/reasons.ts'
import type { HttpHeaders } from '../http/http-client.ts'
import { codeSigns, sentenceSigns, statusSigns, usualAdvice, wordSigns } from './common-signs.ts'
import { retryAfter } from './retry-after.ts'
import { withoutQuoted } from './sentence.ts'
import { blameFor, fits, type Sign } from './sign.ts'
import { statedSizes } from './stated-sizes.ts'
import type { VendorError } from './vendor-error.ts'

/** A reply that is a failure. */
export interface FailedReply {
  readonly provider: string
  readonly model: string
  /** Whether the server is on the operator's own machines. */
  readonly local: boolean
  readonly status: number
  readonly headers: HttpHeaders
  /** The kind's own signs. */
  readonly signs: readonly Sign[]
  readonly error: VendorError | undefined
  /** Whether the body is an error as the vendor writes them, and not a page of a proxy or of another server. */
  readonly isVendors: boolean
  /** Milliseconds since 1970, for dates in headers. */
  readonly now: number
}

/** The error that a failed reply means. */
export function failedReply(reply: FailedReply): GatewayError {
  return errorOf(reply, reply.status, signFor(reply))
}

/** The error that a vendor reports inside a reply that began well. */
export function reportedError(reply: Omit<FailedReply, 'status' | 'isVendors'>): GatewayError {
  const status = reply.error ? statusOf(reply.error) : undefined
  if (status !== undefined) return failedReply({ ...reply, status, isVendors: true })
  const sign = firstThatFits(wordSigns, reply, undefined)
  if (sign) return errorOf({ ...reply, isVendors: true }, undefined, sign)
  const { provider, model, error } = reply
  return new GatewayError('UPSTREAM_STREAM_ERROR', `${provider}/${model} reported a failure in its reply.`, {
    provider,
    model,
    ...(error?.code && { upstream: { code: shortCode(error.code) } }),
  })
}

type Reported = Omit<FailedReply, 'status'>

function errorOf(reply: Reported, status: number | undefined, sign: Sign): GatewayError {
  const { provider, model, error } = reply
  const { reason, retry, fallback } = sign
  const wait =
    (retry ?? mayRetry(reason)) ? (retryAfter(reply.headers, reply.now) ?? error?.retryAfter ?? sign.wait) : undefined
  const requestId = shortId(header(reply.headers, 'x-request-id') ?? header(reply.headers, 'request-id'))
  const facts: ErrorFacts = {
    provider,
    model,
    blame: blameOfReply(sign, reply, status),
    upstream: {
      ...(status !== undefined && { status }),
      ...(error?.code && { code: shortCode(error.code) }),
      ...(requestId && { requestId }),
    },
    ...(reason === 'CONTEXT_LENGTH_EXCEEDED' && { sizes: statedSizes(error?.message ?? '') }),
    ...(wait !== undefined && { retryAfter: wait }),
    ...(retry !== undefined && { retry }),
    ...(fallback !== undefined && { fallback }),
    ...(reason === 'UPSTREAM_INVALID_REQUEST' && error?.param && { fields: [fieldViolation(error.param)] }),
  }
  const answered = status === undefined ? 'reported a failure in its reply' : `answered ${status}`
  const advice = sign.advice ?? usualAdvice[reason] ?? ''
  return new GatewayError(reason, `${provider}/${model} ${answered}. ${advice}`, facts)
}

/** Statuses that a server sends by itself only where it does not work; a vendor's error may be about the request. */
const OUT_OF_ORDER: readonly (number | undefined)[] = [502, 503, 504, 529]

function blameOfReply(sign: Sign, { error, isVendors }: Reported, status: number | undefined): Blame {
  if (!isVendors && OUT_OF_ORDER.includes(status)) return 'target'
  return blameFor(sign, { status, error })
}

function signFor(reply: FailedReply): Sign {
  const { status, signs, isVendors } = reply
  const found =
    firstThatFits(signs, reply, status) ??
    firstThatFits(codeSigns, reply, status) ??
    firstThatFits(sentenceSigns, reply, status)
  if (found) return found
  if (status === 404 && !isVendors) return NOT_ITS_API
  return firstThatFits(wordSigns, reply, status) ?? firstThatFits(statusSigns, reply, status) ?? byClass(status)
}

function firstThatFits(
  signs: readonly Sign[],
  { error, local }: Pick<FailedReply, 'error' | 'local'>,
  status: number | undefined,
) {
  if (signs.length === 0) return undefined
  const words = { status, local, error, text: withoutQuoted(error?.message ?? '') }
  return signs.find((sign) => fits(sign, words))
}

const NOT_ITS_API: Sign = {
  reason: 'UPSTREAM_PROTOCOL',
  status: [404],
  advice: 'There is nothing of its API at this address: check base_url.',
}

function byClass(status: number): Sign {
  if (status < 300) return { reason: 'UPSTREAM_MALFORMED', status: [] }
  if (status < 400) return { reason: 'UPSTREAM_REDIRECT', status: [] }
  return { reason: status < 500 ? 'UPSTREAM_INVALID_REQUEST' : 'UPSTREAM_ERROR', status: [] }
}

/** Types of errors that come without a status, by the status that the vendors send them with otherwise. */
const statusByType: readonly (readonly [RegExp, number])[] = [
  [/authenticat(ion|ed)|invalid_api_key/i, 401],
  [/billing/, 402],
  [/permission/i, 403],
  [/not_found/i, 404],
  [/request_too_large/, 413],
  [/rate_limit|quota|resource_exhausted/i, 429],
  [/overloaded|unavailable|capacity/i, 503],
  [/invalid_request|bad_request|invalid_argument|content_filter|context_length|tool_use_failed/i, 400],
  [/server_error|api_error|internal/i, 500],
  [/timeout|deadline_exceeded/i, 504],
]

function statusOf(error: VendorError): number | undefined {
  if (error.status !== undefined && error.status >= 400 && error.status < 600) return error.status
  const numeric = Number(error.code)
  if (Number.isInteger(numeric) && numeric >= 400 && numeric < 600) return numeric
  const words = `${error.code ?? ''} ${error.type ?? ''}`.slice(0, 256)
  return statusByType.find(([type]) => type.test(words))?.[1]
}

function header(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** A vendor's code is shown to callers only if it looks like one. */
function shortCode(code: string): string {
  return /^[\w.:-]{1,64}$/.test(code) ? code : 'other'
}

/** What does not look like an id may be anything: a proxy may echo the request. */
function shortId(id: string | undefined): string | undefined {
  return id && /^[\w.:/+=-]{1,128}$/.test(id) ? id : undefined
}

function fieldViolation(param: string) {
  const field = /^[\w.[\]-]{1,128}$/.test(param) ? param : 'request'
  return { field, description: 'The vendor refused this field.' }
}
