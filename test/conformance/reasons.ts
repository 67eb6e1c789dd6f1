import { type Code, codeOf, type Reason } from '../../src/domain/errors/reasons.ts'

/** What is known of a failure beside its category. */
export interface FailureFacts {
  /** As told by the reply or its body. */
  readonly status: number | null
  /** Whether the vendor runs on the operator's own machines. */
  readonly local: boolean
  /** Whether it came after a good beginning. */
  readonly partial: boolean
}

/** The reasons, each with its gRPC code, that may stand for a category of the corpus. */
export function reasonsFor(category: string, facts: FailureFacts): readonly (readonly [Reason, Code])[] {
  const found = categories[category]
  if (!found) throw new Error(`the corpus has a category that is not known here: ${category}`)
  const reasons = found(facts)
  return [...reasons, ...(facts.partial ? (['UPSTREAM_STREAM_ERROR'] as const) : [])].map((reason) => [
    reason,
    codeOf(reason),
  ])
}

const categories: Readonly<Record<string, (facts: FailureFacts) => readonly Reason[]>> = {
  authentication: () => ['UPSTREAM_CREDENTIALS'],
  permission: () => ['UPSTREAM_FORBIDDEN', 'UPSTREAM_BILLING'],
  not_found: ({ local }) => [local ? 'LOCAL_MODEL_MISSING' : 'UPSTREAM_MODEL_MISSING'],
  // What a model cannot do, a local server finds out only when it is asked.
  invalid_request: ({ local }) => ['UPSTREAM_INVALID_REQUEST', ...(local ? (['UNSUPPORTED'] as const) : [])],
  // A body that is too large for the vendor's proxy is not told from one that is too long for the model.
  context_length: ({ status }) => [status === 413 ? 'REQUEST_TOO_LARGE' : 'CONTEXT_LENGTH_EXCEEDED'],
  rate_limit: ({ local }) => [
    'UPSTREAM_RATE_LIMITED',
    'UPSTREAM_QUOTA_EXHAUSTED',
    ...(local ? (['UPSTREAM_OVERLOADED'] as const) : []),
  ],
  overloaded: () => ['UPSTREAM_OVERLOADED'],
  server_error: () => ['UPSTREAM_ERROR', 'UPSTREAM_GATEWAY'],
  content_filter: () => ['CONTENT_FILTERED'],
  cancelled: () => ['UPSTREAM_ERROR'],
}
