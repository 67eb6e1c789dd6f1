/**
 * Every reason an error can have, with the status a caller sees and whose doing it was. The reasons are part of the
 * contract: programs switch on them.
 */

/** The gRPC status codes that the gateway answers with, by number. https://grpc.io/docs/guides/status-codes/ */
export const codes = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const
export type Code = keyof typeof codes

/** Who made a call fail: its caller, a rule of the operator's, the vendor, or this program. */
export type Origin = 'caller' | 'policy' | 'provider' | 'gateway'

export const reasons = {
  CANCELLED: ['CANCELLED', 'caller'],
  DEADLINE_EXCEEDED: ['DEADLINE_EXCEEDED', 'caller'],
  INVALID_REQUEST: ['INVALID_ARGUMENT', 'caller'],
  UNSUPPORTED: ['INVALID_ARGUMENT', 'caller'],
  MODEL_NOT_FOUND: ['NOT_FOUND', 'caller'],
  PROVIDER_NOT_FOUND: ['NOT_FOUND', 'caller'],
  NOT_CACHED: ['NOT_FOUND', 'caller'],
  NO_CACHE: ['FAILED_PRECONDITION', 'caller'],
  CACHE_ENTRY_NOT_FOUND: ['NOT_FOUND', 'caller'],
  SERVICE_NOT_FOUND: ['NOT_FOUND', 'caller'],
  UNAUTHENTICATED: ['UNAUTHENTICATED', 'caller'],
  ADMIN_REQUIRED: ['PERMISSION_DENIED', 'caller'],
  RESPONSE_TOO_LARGE: ['RESOURCE_EXHAUSTED', 'caller'],
  MODEL_NOT_ALLOWED: ['PERMISSION_DENIED', 'caller'],
  RATE_LIMITED: ['RESOURCE_EXHAUSTED', 'policy'],
  HEADERS_TOO_LARGE: ['RESOURCE_EXHAUSTED', 'caller'],
  REQUEST_READ_TIMEOUT: ['DEADLINE_EXCEEDED', 'caller'],
  TOO_MANY_MESSAGES: ['UNIMPLEMENTED', 'caller'],

  NO_PROVIDERS: ['FAILED_PRECONDITION', 'gateway'],
  DRAINING: ['UNAVAILABLE', 'gateway'],
  OVERLOADED: ['UNAVAILABLE', 'gateway'],
  CACHE_UNAVAILABLE: ['UNAVAILABLE', 'gateway'],
  LIMITS_UNAVAILABLE: ['UNAVAILABLE', 'gateway'],
  TOO_MANY_COMPRESSED: ['RESOURCE_EXHAUSTED', 'policy'],
  TOO_MANY_WATCHERS: ['RESOURCE_EXHAUSTED', 'policy'],
  CONCURRENCY_LIMITED: ['RESOURCE_EXHAUSTED', 'policy'],
  GATEWAY_MAX_DURATION: ['DEADLINE_EXCEEDED', 'policy'],
  INTERNAL: ['INTERNAL', 'gateway'],

  UPSTREAM_UNREACHABLE: ['UNAVAILABLE', 'provider'],
  UPSTREAM_CIRCUIT_OPEN: ['UNAVAILABLE', 'provider'],
  UPSTREAM_TLS: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_RESET: ['UNAVAILABLE', 'provider'],
  UPSTREAM_TIMEOUT: ['UNAVAILABLE', 'provider'],
  UPSTREAM_IDLE_TIMEOUT: ['UNAVAILABLE', 'provider'],
  UPSTREAM_STREAM_TRUNCATED: ['UNAVAILABLE', 'provider'],
  UPSTREAM_STREAM_ERROR: ['UNAVAILABLE', 'provider'],
  UPSTREAM_MALFORMED: ['UNAVAILABLE', 'provider'],
  UPSTREAM_LIMIT: ['UNAVAILABLE', 'provider'],
  UPSTREAM_REDIRECT: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_TRANSIENT: ['UNAVAILABLE', 'provider'],
  UPSTREAM_ERROR: ['UNAVAILABLE', 'provider'],
  UPSTREAM_GATEWAY: ['UNAVAILABLE', 'provider'],
  UPSTREAM_OVERLOADED: ['UNAVAILABLE', 'provider'],
  UPSTREAM_RATE_LIMITED: ['RESOURCE_EXHAUSTED', 'provider'],
  UPSTREAM_QUOTA_EXHAUSTED: ['RESOURCE_EXHAUSTED', 'provider'],
  UPSTREAM_CREDENTIALS: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_FORBIDDEN: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_BILLING: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_DEPENDENCY: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_MODEL_MISSING: ['FAILED_PRECONDITION', 'provider'],
  LOCAL_MODEL_MISSING: ['FAILED_PRECONDITION', 'provider'],
  UPSTREAM_PROTOCOL: ['INTERNAL', 'provider'],
  UPSTREAM_INVALID_REQUEST: ['INVALID_ARGUMENT', 'caller'],
  CONTEXT_LENGTH_EXCEEDED: ['INVALID_ARGUMENT', 'caller'],
  CONTENT_FILTERED: ['INVALID_ARGUMENT', 'caller'],
  REQUEST_TOO_LARGE: ['INVALID_ARGUMENT', 'caller'],
} as const satisfies Record<string, readonly [Code, Origin]>

export type Reason = keyof typeof reasons

export function codeOf(reason: Reason): Code {
  return reasons[reason][0]
}

export function originOf(reason: Reason): Origin {
  return reasons[reason][1]
}

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text)
}
