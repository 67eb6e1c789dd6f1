import type { Blame } from './blame.ts'
import { blameOf, type Code, codeOf, mayFallBack, mayRetry, type Reason } from './reasons.ts'

/** A problem with one field of a request. */
export interface FieldViolation {
  /** As in `messages[2].parts[0].image`. */
  readonly field: string
  readonly description: string
}

/** A limit that was reached. */
export interface QuotaViolation {
  /** Scope and subject of the limit, as in `caller:web`. */
  readonly subject: string
  readonly description: string
}

/** Details of a failure that the upstream reported. */
export interface UpstreamFailure {
  /** HTTP status. */
  readonly status?: number
  /** The vendor's own error code. */
  readonly code?: string
  /** The vendor's request id, for its support. */
  readonly requestId?: string
  /** The vendor's own words, at most 300 characters without keys. They may hold parts of the prompt. */
  readonly message?: string
  /** Whether the caller may read `message`; the log may, at `debug`. */
  readonly isMessagePublic?: boolean
}

/** What a vendor says of a conversation that is too long for a model, in tokens as it counts them. */
export interface StatedSizes {
  readonly window?: number
  readonly input?: number
}

export interface ErrorFacts {
  /** Whether the next target may be tried. Default: the reason's column. */
  readonly fallback?: boolean
  /** Whether the same target may be tried again. Default: the reason's column. */
  readonly retry?: boolean
  /** What the failure is evidence of. Default: the reason's column. */
  readonly blame?: Blame
  /** Wait that the upstream or the limit asks for, in ms. */
  readonly retryAfter?: number
  readonly fields?: readonly FieldViolation[]
  readonly quota?: QuotaViolation
  readonly provider?: string
  readonly model?: string
  readonly upstream?: UpstreamFailure
  /** Of CONTEXT_LENGTH_EXCEEDED. */
  readonly sizes?: StatedSizes
  /** The underlying error; for the log, never for the caller. */
  readonly cause?: unknown
}

/**
 * The only error that is thrown. `message` is for the caller: what was wrong and what to change, never a key, a prompt
 * or a vendor's body.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly reason: Reason
  readonly fallback: boolean
  readonly retry: boolean
  readonly facts: ErrorFacts

  constructor(reason: Reason, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.reason = reason
    this.fallback = facts.fallback ?? mayFallBack(reason)
    this.retry = facts.retry ?? mayRetry(reason)
    this.facts = facts
  }

  get code(): Code {
    return codeOf(this.reason)
  }

  /** What the failure is evidence of. */
  get blame(): Blame {
    return this.facts.blame ?? blameOf(this.reason)
  }

  /** The same error with its target named, unless it names one already. */
  at(provider: string, model: string): GatewayError {
    if (this.facts.provider !== undefined) return this
    const message = `${provider}/${model}: ${this.message}`
    return new GatewayError(this.reason, message, { ...this.facts, provider, model, cause: this.facts.cause ?? this })
  }

  /** The error itself if it is a GatewayError, else INTERNAL with the error as its cause. */
  static from(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error
    return new GatewayError('INTERNAL', 'The gateway failed; its log says why.', { cause: error })
  }
}

/** INVALID_ARGUMENT for one field of the request. */
export function invalid(field: string, description: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', `${field}: ${description}`, { fields: [{ field, description }] })
}

/** Error of a target that cannot carry part of the request; another one may. */
export function unsupported(field: string, description: string): GatewayError {
  return new GatewayError('UNSUPPORTED', `${field}: ${description}`, { fields: [{ field, description }] })
}

/** Error of a missing or wrong credential. The same for every cause, so that it reveals nothing to a caller that guesses. */
export function unauthenticated(): GatewayError {
  const message = 'A valid API key or token is required. Send it as "authorization: Bearer <credential>".'
  return new GatewayError('UNAUTHENTICATED', message)
}
