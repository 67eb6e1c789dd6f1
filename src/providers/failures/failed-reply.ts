import { type ErrorFacts, GatewayError, type KeyTrouble } from '../../domain/error.ts'
import { mayRetry, type Reason } from '../../domain/reasons.ts'
import type { VendorError } from '../define.ts'
import type { HttpHeaders } from '../http/http-client.ts'
import { retryAfter } from './retry-after.ts'

/** A reply that is a failure. */
export interface FailedReply {
  readonly provider: string
  readonly kind: string
  readonly model: string
  /** Whether it runs on the operator's own machines. */
  readonly local: boolean
  readonly status: number
  readonly headers: HttpHeaders
  readonly error: VendorError | undefined
  /** Milliseconds since 1970, for dates in headers. */
  readonly now: number
}

/** What a failure means: the one table from upstream trouble to reason, retry and fallback. The first row that fits. */
interface Row {
  readonly reason: Reason
  readonly status?: readonly number[]
  /** Words in the vendor's code or type. */
  readonly code?: RegExp
  /** Words in the vendor's message, where it has no code for it. */
  readonly message?: RegExp
  /** Only of vendors of this kind. */
  readonly kind?: string
  readonly local?: true
  /** These hold of the reason unless a row says otherwise. */
  readonly retry?: boolean
  readonly fallback?: boolean
  readonly outage?: false
  /** What becomes of the key that was used. */
  readonly key?: KeyTrouble
  /** How long to wait where the vendor does not say, in ms. */
  readonly wait?: number
  /** What the operator or the caller can do. */
  readonly advice: string
}

const CLIENT_ERROR = [400, 413, 422]
const KEY_ADVICE = 'Check the key of this provider.'
const ASSUMED_ADVICE =
  'It is assumed, not configured: start it, set a key such as OPENAI_API_KEY, or write providers in a gateway.yaml.'
const RATE_ADVICE = 'Wait, or add keys or fallback targets.'
/** In ms. */
const OVERLOAD_WAIT = 1_000
const UNREACHABLE_WAIT = 5_000

const table: readonly Row[] = [
  {
    reason: 'CONTEXT_LENGTH_EXCEEDED',
    status: [...CLIENT_ERROR, 500],
    code: /context_length_exceeded|exceed_context_size|string_above_max_length|context_window/,
    advice: 'Shorten the conversation or ask a model with a larger context.',
  },
  {
    reason: 'CONTEXT_LENGTH_EXCEEDED',
    status: CLIENT_ERROR,
    message:
      /(maximum|exceed\w*|larger than|available|model's|longer than)[^.]{0,60}\b(context|prompt) (length|window|size)|maximum context|context (length|window|size) (is|of|exceeded)|exceed context limit|prompt is too long|(input|prompt) token count[^.]{0,40}exceed|too many (input )?tokens|reduce the length of the (messages|input|prompt)/i,
    fallback: true,
    advice: 'Shorten the conversation or ask a model with a larger context.',
  },
  {
    reason: 'CONTENT_FILTERED',
    status: [400, 403, 422],
    code: /content_filter|content_policy|ResponsibleAIPolicyViolation|content_moderation|sensitive/i,
    advice: "The vendor's content filter refused the request.",
  },
  {
    reason: 'CONTENT_FILTERED',
    status: [400],
    message: /blocked by content filtering policy/i,
    advice: "The vendor's content filter blocked the answer.",
  },
  {
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    status: [400, 402, 403, 429],
    code: /insufficient_quota|credit_balance_exhausted|billing_hard_limit|exceeded_current_quota|quota_exceeded/,
    key: 'quarantined',
    advice: "The account's quota is spent: check its plan and billing.",
  },
  {
    // Google speaks of a spent quota where a limit by the minute was reached.
    reason: 'UPSTREAM_RATE_LIMITED',
    status: [429],
    code: /RESOURCE_EXHAUSTED/,
    key: 'cools',
    advice: RATE_ADVICE,
  },
  {
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
    status: [400, 403, 429],
    message:
      /credit balance is too low|insufficient (credits|balance|quota)|exceeded your current quota, please check your plan|reached your specified (\w+ )?API usage limits/i,
    key: 'quarantined',
    advice: "The account's quota is spent: check its plan and billing.",
  },
  { reason: 'UPSTREAM_CREDENTIALS', status: [401], key: 'quarantined', advice: KEY_ADVICE },
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400, 403],
    code: /invalid_api_key|API_KEY_INVALID|authentication_error|invalid_authentication/,
    key: 'quarantined',
    advice: KEY_ADVICE,
  },
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [400],
    message: /(incorrect|invalid|missing) api key|api key (not valid|not found|is invalid|expired)/i,
    key: 'quarantined',
    advice: KEY_ADVICE,
  },
  {
    reason: 'UPSTREAM_CREDENTIALS',
    status: [403],
    message: /unregistered callers|api key was reported as leaked/i,
    key: 'quarantined',
    advice: KEY_ADVICE,
  },
  {
    reason: 'UPSTREAM_BILLING',
    status: [400],
    code: /FAILED_PRECONDITION/,
    key: 'quarantined',
    advice: 'The vendor does not serve this account from here: check its billing and region.',
  },
  {
    reason: 'UPSTREAM_BILLING',
    status: [402],
    key: 'quarantined',
    advice: "Check the account's billing.",
  },
  {
    reason: 'UPSTREAM_FORBIDDEN',
    status: [400],
    message: /organization has been disabled/i,
    key: 'quarantined',
    advice: 'The vendor has disabled the account.',
  },
  {
    // About one model or one region: the key may do for other models.
    reason: 'UPSTREAM_FORBIDDEN',
    status: [403],
    kind: 'openai',
    key: 'cools',
    advice: 'The account may not do this: check its permissions and region.',
  },
  {
    reason: 'UPSTREAM_FORBIDDEN',
    status: [403],
    key: 'quarantined',
    advice: 'The account may not do this: check its permissions and region.',
  },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    status: [400, 422],
    code: /model_not_found|model_not_exist|invalid_model/,
    advice: 'The vendor does not know this model: check its id.',
  },
  {
    reason: 'LOCAL_MODEL_MISSING',
    status: [404],
    local: true,
    advice: 'Pull the model on the local server, or check its id and base_url.',
  },
  {
    reason: 'UPSTREAM_MODEL_MISSING',
    status: [404, 410],
    advice: 'The vendor does not know this model or deployment: check its id and base_url.',
  },
  {
    // Which models can do what is known to the server alone.
    reason: 'UNSUPPORTED',
    status: [400],
    kind: 'ollama',
    message: /does not support/,
    advice: 'This model cannot do what the call asks of it: tools, images, thinking or embeddings.',
  },
  {
    reason: 'UPSTREAM_INVALID_REQUEST',
    fallback: true,
    status: [400],
    kind: 'anthropic',
    message: /invalid `?signature`? in `?thinking`? block/i,
    advice:
      'It refuses the reasoning of an earlier answer: it is of another vendor, or the conversation before it has changed. Leave it out.',
  },
  {
    reason: 'UPSTREAM_INVALID_REQUEST',
    fallback: true,
    status: [400],
    kind: 'gemini',
    message: /thought[ _]?signature/i,
    advice:
      'It refuses the signatures of an earlier answer: they are of another vendor, or the conversation before them has changed. Leave them out.',
  },
  { reason: 'UPSTREAM_TRANSIENT', status: [408, 409], advice: 'Try again.' },
  { reason: 'REQUEST_TOO_LARGE', status: [413], advice: 'Send less: the vendor refuses requests of this size.' },
  {
    // Generated tool calls that do not parse: another sample may.
    reason: 'UPSTREAM_INVALID_REQUEST',
    retry: true,
    fallback: true,
    status: [422],
    kind: 'groq',
    advice: 'The vendor could not process the request.',
  },
  { reason: 'UPSTREAM_DEPENDENCY', status: [424], advice: 'A tool that the vendor runs has failed.' },
  {
    reason: 'UPSTREAM_OVERLOADED',
    status: [429],
    code: /slow_down|overloaded/,
    wait: OVERLOAD_WAIT,
    advice: 'The vendor is overloaded. Try again later.',
  },
  {
    reason: 'UPSTREAM_OVERLOADED',
    status: [429],
    local: true,
    wait: OVERLOAD_WAIT,
    advice: "The local server's queue is full. Try again later.",
  },
  { reason: 'UPSTREAM_RATE_LIMITED', status: [429], key: 'cools', advice: RATE_ADVICE },
  {
    reason: 'UPSTREAM_OVERLOADED',
    status: [503, 529],
    wait: OVERLOAD_WAIT,
    advice: 'The vendor is overloaded. Try again later.',
  },
  {
    // No spare capacity for this one call.
    reason: 'UPSTREAM_OVERLOADED',
    outage: false,
    status: [498],
    wait: OVERLOAD_WAIT,
    advice: 'The vendor is overloaded. Try again later.',
  },
  { reason: 'UPSTREAM_ERROR', retry: false, outage: false, status: [499], advice: 'The vendor gave up the request.' },
  {
    reason: 'UPSTREAM_PROTOCOL',
    status: [405, 415, 501],
    advice: 'The vendor does not offer this operation: check base_url and kind.',
  },
  {
    reason: 'UPSTREAM_GATEWAY',
    status: [502, 504, 520, 521, 522, 523, 524],
    advice: 'A proxy of the vendor failed. The request may have been processed.',
  },
]

const INVALID: Row = {
  reason: 'UPSTREAM_INVALID_REQUEST',
  advice: 'The vendor refused the request as invalid.',
}
const REDIRECT: Row = {
  reason: 'UPSTREAM_REDIRECT',
  advice: 'Redirects are not followed: check base_url.',
}
const SERVER_ERROR: Row = {
  reason: 'UPSTREAM_ERROR',
  advice: 'The vendor failed. Try again later.',
}
const MALFORMED: Row = {
  reason: 'UPSTREAM_MALFORMED',
  advice: 'The reply is not what its API says: check base_url and kind.',
}

/** The error that a failed reply means. */
export function failedReply(reply: FailedReply): GatewayError {
  const row = rowFor(reply)
  const { provider, model, status, error } = reply
  const wait =
    (row.retry ?? mayRetry(row.reason))
      ? (retryAfter(reply.headers, reply.now) ?? error?.retryAfter ?? row.wait)
      : undefined
  const requestId = shortId(header(reply.headers, 'x-request-id') ?? header(reply.headers, 'request-id'))
  const facts: ErrorFacts = {
    provider,
    model,
    upstream: { status, ...(error?.code && { code: shortCode(error.code) }), ...(requestId && { requestId }) },
    ...(wait !== undefined && { retryAfter: wait }),
    ...(row.key && { key: row.key }),
    ...(row.retry !== undefined && { retry: row.retry }),
    ...(row.fallback !== undefined && { fallback: row.fallback }),
    ...(row.outage !== undefined && { outage: row.outage }),
    ...(row.reason === 'UPSTREAM_INVALID_REQUEST' && error?.param && { fields: [fieldViolation(error.param)] }),
  }
  return new GatewayError(row.reason, `${provider}/${model} answered ${status}. ${row.advice}`, facts)
}

/** The error that a vendor tells inside a reply that began well. */
export function reportedError(reply: Omit<FailedReply, 'status'>): GatewayError {
  const status = reply.error ? statusOf(reply.error) : undefined
  if (status !== undefined) return failedReply({ ...reply, status })
  const { provider, model, error } = reply
  return new GatewayError('UPSTREAM_STREAM_ERROR', `${provider}/${model} reported a failure in its reply.`, {
    provider,
    model,
    ...(error?.code && { upstream: { code: shortCode(error.code) } }),
  })
}

function rowFor({ status, error, kind, local }: FailedReply): Row {
  const code = `${error?.code ?? ''} ${error?.type ?? ''}`
  const message = error?.message ?? ''
  const row = table.find(
    (candidate) =>
      (candidate.status?.includes(status) ?? true) &&
      (candidate.code?.test(code) ?? true) &&
      (candidate.message?.test(message) ?? true) &&
      (candidate.kind === undefined || candidate.kind === kind) &&
      (candidate.local === undefined || local),
  )
  if (row) return row
  if (status < 300) return MALFORMED
  if (status < 400) return REDIRECT
  return status < 500 ? INVALID : SERVER_ERROR
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
  const words = `${error.code ?? ''} ${error.type ?? ''}`
  return statusByType.find(([type]) => type.test(words))?.[1]
}

/** Whom a connection was to. */
interface Peer {
  readonly provider: string
  readonly model: string
  /** Whether nobody has configured it. */
  readonly assumed: boolean
}

/**
 * The error that a broken connection means. `outworn`: whether it had served before, and broke before a byte of the reply
 * came: servers close connections that were idle for long, and the request met such an end.
 */
export function networkError({ provider, model, assumed }: Peer, cause: Error, outworn: boolean): GatewayError {
  const name = `${provider}/${model}`
  const facts = { provider, model, cause }
  const code = codeOf(cause)
  if (/^(ENOTFOUND|EAI_\w+|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) {
    const advice = assumed ? ASSUMED_ADVICE : 'Check base_url.'
    const message = `${name} cannot be reached (${code}). ${advice}`
    return new GatewayError('UPSTREAM_UNREACHABLE', message, { ...facts, retryAfter: UNREACHABLE_WAIT })
  }
  if (/^(CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code)) {
    return new GatewayError('UPSTREAM_TLS', `${name}: its certificate or TLS was refused (${code}).`, facts)
  }
  // undici 7.30 has lost the code of this error.
  if (cause.name === 'HTTPParserError') {
    return new GatewayError('UPSTREAM_MALFORMED', `${name} does not speak HTTP as it should. Check base_url.`, facts)
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new GatewayError('UPSTREAM_LIMIT', `${name} sent too large headers.`, facts)
  }
  return new GatewayError('UPSTREAM_RESET', `${name} closed the connection.`, {
    ...facts,
    // What broke was a connection that had grown old.
    ...(outworn && { retry: true, retryAfter: 0, outage: false }),
  })
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function header(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** A vendor's code is shown to callers: only if it looks like one. */
function shortCode(code: string): string {
  return /^[\w.:-]{1,64}$/.test(code) ? code : 'other'
}

/** What is no id may be anything: a proxy may echo the request. */
function shortId(id: string | undefined): string | undefined {
  return id && /^[\w.:/+=-]{1,128}$/.test(id) ? id : undefined
}

function fieldViolation(param: string) {
  const field = /^[\w.[\]-]{1,128}$/.test(param) ? param : 'request'
  return { field, description: 'The vendor refused this field.' }
}
