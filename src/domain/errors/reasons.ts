import { AttemptOutcome } from '../types.ts'
import type { Blame } from './blame.ts'

/**
 * Every reason an error can have, and everything that follows from the reason alone. The reasons are part of the
 * contract: programs switch on them. docs/errors.md and docs/resilience.md are checked against this table.
 */

/** The gRPC status codes that the gateway uses, by number. https://grpc.io/docs/guides/status-codes/ */
export const codes = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const
export type Code = keyof typeof codes

/** Who made a call fail: its caller, a rule set by the operator, the vendor, or this program. */
export type Origin = 'caller' | 'policy' | 'provider' | 'gateway'

type Row = readonly [
  code: Code,
  origin: Origin,
  /** What the failure is evidence of, unless the reply says more. */
  blame: Blame,
  /** Whether the same target may be asked once more. */
  retry: boolean,
  /** Whether the next target may be asked. */
  fallback: boolean,
  /** Whether the vendor may have processed the request all the same. */
  outcomeUnknown: boolean,
  /** How an attempt that fails for this reason is recorded. */
  attemptOutcome: AttemptOutcome,
]

const { CANCELLED, FAILED, SKIPPED } = AttemptOutcome
const yes = true
const no = false

// biome-ignore format: the columns stay aligned.
export const reasons = {
  //                          code                   origin      blame            retry fallback unknown attempt
  CANCELLED:                 ['CANCELLED',           'caller',   'request',       no,   no,      no,     CANCELLED],
  DEADLINE_EXCEEDED:         ['DEADLINE_EXCEEDED',   'caller',   'request',       no,   no,      no,     CANCELLED],
  INVALID_REQUEST:           ['INVALID_ARGUMENT',    'caller',   'request',       no,   no,      no,     FAILED],
  UNSUPPORTED:               ['INVALID_ARGUMENT',    'caller',   'request',       no,   yes,     no,     SKIPPED],
  MODEL_NOT_FOUND:           ['NOT_FOUND',           'caller',   'request',       no,   no,      no,     FAILED],
  PROVIDER_NOT_FOUND:        ['NOT_FOUND',           'caller',   'request',       no,   no,      no,     FAILED],
  NOT_CACHED:                ['NOT_FOUND',           'caller',   'request',       no,   no,      no,     FAILED],
  NO_CACHE:                  ['FAILED_PRECONDITION', 'caller',   'request',       no,   no,      no,     FAILED],
  NO_LEDGER:                 ['FAILED_PRECONDITION', 'caller',   'request',       no,   no,      no,     FAILED],
  CACHE_ENTRY_NOT_FOUND:     ['NOT_FOUND',           'caller',   'request',       no,   no,      no,     FAILED],
  SERVICE_NOT_FOUND:         ['NOT_FOUND',           'caller',   'request',       no,   no,      no,     FAILED],
  UNAUTHENTICATED:           ['UNAUTHENTICATED',     'caller',   'request',       no,   no,      no,     FAILED],
  ADMIN_REQUIRED:            ['PERMISSION_DENIED',   'caller',   'request',       no,   no,      no,     FAILED],
  RESPONSE_TOO_LARGE:        ['RESOURCE_EXHAUSTED',  'caller',   'request',       no,   no,      no,     FAILED],
  MODEL_NOT_ALLOWED:         ['PERMISSION_DENIED',   'caller',   'request',       no,   no,      no,     FAILED],
  FIELD_NOT_ALLOWED:         ['PERMISSION_DENIED',   'caller',   'request',       no,   no,      no,     FAILED],
  RATE_LIMITED:              ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   no,      no,     FAILED],
  HEADERS_TOO_LARGE:         ['RESOURCE_EXHAUSTED',  'caller',   'request',       no,   no,      no,     FAILED],
  MESSAGE_TOO_LARGE:         ['RESOURCE_EXHAUSTED',  'caller',   'request',       no,   no,      no,     FAILED],
  REQUEST_READ_TIMEOUT:      ['DEADLINE_EXCEEDED',   'caller',   'request',       no,   no,      no,     FAILED],
  TOO_MANY_MESSAGES:         ['UNIMPLEMENTED',       'caller',   'request',       no,   no,      no,     FAILED],

  IDEMPOTENCY_KEY_REUSED:    ['INVALID_ARGUMENT',    'caller',   'request',       no,   no,      no,     FAILED],
  IDEMPOTENCY_KEY_RUNNING:   ['ABORTED',             'caller',   'request',       no,   no,      no,     FAILED],
  RESULT_NOT_KEPT:           ['FAILED_PRECONDITION', 'policy',   'request',       no,   no,      no,     FAILED],

  BUDGET_EXCEEDED:           ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   no,      no,     CANCELLED],
  OVER_BUDGET:               ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   yes,     no,     SKIPPED],
  OVER_MAX_COST:             ['RESOURCE_EXHAUSTED',  'caller',   'request',       no,   yes,     no,     CANCELLED],
  NO_PRICE:                  ['FAILED_PRECONDITION', 'policy',   'request',       no,   yes,     no,     SKIPPED],
  BUDGETS_UNAVAILABLE:       ['UNAVAILABLE',         'gateway',  'request',       no,   no,      no,     FAILED],
  BUDGET_NOT_FOUND:          ['NOT_FOUND',           'caller',   'request',       no,   no,      no,     FAILED],

  NO_PROVIDERS:              ['FAILED_PRECONDITION', 'gateway',  'request',       no,   no,      no,     FAILED],
  DRAINING:                  ['UNAVAILABLE',         'gateway',  'request',       no,   no,      no,     FAILED],
  OVERLOADED:                ['UNAVAILABLE',         'gateway',  'request',       no,   no,      no,     FAILED],
  LEDGER_UNAVAILABLE:        ['UNAVAILABLE',         'gateway',  'request',       no,   no,      no,     FAILED],
  CACHE_UNAVAILABLE:         ['UNAVAILABLE',         'gateway',  'request',       no,   no,      no,     FAILED],
  LIMITS_UNAVAILABLE:        ['UNAVAILABLE',         'gateway',  'request',       no,   no,      no,     FAILED],
  TOO_MANY_COMPRESSED:       ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   no,      no,     FAILED],
  TOO_MANY_PENDING_BYTES:    ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   no,      no,     FAILED],
  TOO_MANY_WATCHERS:         ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   no,      no,     FAILED],
  CONCURRENCY_LIMITED:       ['RESOURCE_EXHAUSTED',  'policy',   'request',       no,   no,      no,     FAILED],
  GATEWAY_MAX_DURATION:      ['DEADLINE_EXCEEDED',   'policy',   'request',       no,   no,      no,     FAILED],
  INTERNAL:                  ['INTERNAL',            'gateway',  'request',       no,   no,      no,     FAILED],

  UPSTREAM_UNREACHABLE:      ['UNAVAILABLE',         'provider', 'target',        no,   yes,     no,     FAILED],
  UPSTREAM_CIRCUIT_OPEN:     ['UNAVAILABLE',         'provider', 'request',       no,   yes,     no,     FAILED],
  UPSTREAM_TLS:              ['FAILED_PRECONDITION', 'provider', 'target',        no,   yes,     no,     FAILED],
  UPSTREAM_RESET:            ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     yes,    FAILED],
  UPSTREAM_TIMEOUT:          ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     yes,    FAILED],
  UPSTREAM_IDLE_TIMEOUT:     ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     no,     FAILED],
  UPSTREAM_STREAM_TRUNCATED: ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     no,     FAILED],
  UPSTREAM_STREAM_ERROR:     ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     no,     FAILED],
  UPSTREAM_MALFORMED:        ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     no,     FAILED],
  UPSTREAM_LIMIT:            ['UNAVAILABLE',         'provider', 'request',       no,   yes,     no,     FAILED],
  UPSTREAM_REDIRECT:         ['FAILED_PRECONDITION', 'provider', 'request',       no,   yes,     no,     FAILED],
  UPSTREAM_TRANSIENT:        ['UNAVAILABLE',         'provider', 'maybe target',  yes,  yes,     no,     FAILED],
  UPSTREAM_ERROR:            ['UNAVAILABLE',         'provider', 'maybe target',  yes,  yes,     no,     FAILED],
  UPSTREAM_GATEWAY:          ['UNAVAILABLE',         'provider', 'maybe target',  no,   yes,     yes,    FAILED],
  UPSTREAM_OVERLOADED:       ['UNAVAILABLE',         'provider', 'maybe target',  yes,  yes,     no,     FAILED],
  UPSTREAM_RATE_LIMITED:     ['RESOURCE_EXHAUSTED',  'provider', 'key for model', yes,  yes,     no,     FAILED],
  UPSTREAM_QUOTA_EXHAUSTED:  ['RESOURCE_EXHAUSTED',  'provider', 'key',           no,   yes,     no,     FAILED],
  UPSTREAM_CREDENTIALS:      ['FAILED_PRECONDITION', 'provider', 'key',           no,   yes,     no,     FAILED],
  UPSTREAM_FORBIDDEN:        ['FAILED_PRECONDITION', 'provider', 'maybe key',     no,   yes,     no,     FAILED],
  UPSTREAM_BILLING:          ['FAILED_PRECONDITION', 'provider', 'key',           no,   yes,     no,     FAILED],
  UPSTREAM_DEPENDENCY:       ['FAILED_PRECONDITION', 'provider', 'request',       no,   no,      no,     FAILED],
  UPSTREAM_MODEL_MISSING:    ['FAILED_PRECONDITION', 'provider', 'maybe key',     no,   yes,     no,     FAILED],
  LOCAL_MODEL_MISSING:       ['FAILED_PRECONDITION', 'provider', 'request',       no,   yes,     no,     FAILED],
  UPSTREAM_PROTOCOL:         ['INTERNAL',            'provider', 'request',       no,   yes,     no,     FAILED],
  UPSTREAM_INVALID_REQUEST:  ['INVALID_ARGUMENT',    'caller',   'request',       no,   no,      no,     FAILED],
  CONTEXT_LENGTH_EXCEEDED:   ['INVALID_ARGUMENT',    'caller',   'request',       no,   yes,     no,     FAILED],
  CONTENT_FILTERED:          ['INVALID_ARGUMENT',    'caller',   'request',       no,   no,      no,     FAILED],
  REQUEST_TOO_LARGE:         ['INVALID_ARGUMENT',    'caller',   'request',       no,   no,      no,     FAILED],
} as const satisfies Record<string, Row>

export type Reason = keyof typeof reasons

export function codeOf(reason: Reason): Code {
  return reasons[reason][0]
}

export function originOf(reason: Reason): Origin {
  return reasons[reason][1]
}

/** What a failure for this reason is evidence of, unless the error says otherwise. */
export function blameOf(reason: Reason): Blame {
  return reasons[reason][2]
}

/** Whether the same target may be asked once more, unless the error says otherwise. */
export function mayRetry(reason: Reason): boolean {
  return reasons[reason][3]
}

/** Whether the next target may be asked, unless the error says otherwise. */
export function mayFallBack(reason: Reason): boolean {
  return reasons[reason][4]
}

/** Whether the vendor may have processed the request all the same: another target's response would be a second one. */
export function isOutcomeUnknown(reason: Reason): boolean {
  return reasons[reason][5]
}

export function attemptOutcomeOf(reason: Reason): AttemptOutcome {
  return reasons[reason][6]
}

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text)
}
