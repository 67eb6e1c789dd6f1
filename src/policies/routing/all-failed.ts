import type { Target } from '../../domain/calls/facts.ts'
import { type FieldViolation, GatewayError } from '../../domain/errors/error.ts'
import { attemptOutcomeOf, type Code } from '../../domain/errors/reasons.ts'
import { AttemptOutcome } from '../../domain/types.ts'

/** A target that failed or was skipped, and why. */
export interface Failure {
  readonly target: Target
  readonly error: GatewayError
}

/**
 * The error of a call whose targets all failed. A fault of the request wins; else, when all targets are out of quota,
 * that; else a failure that may pass by itself; else what the operator must fix.
 */
export function allFailed(failures: readonly Failure[]): GatewayError {
  const [first, ...others] = failures
  if (!first) return new GatewayError('INTERNAL', 'No target was asked.')
  if (others.length === 0) return first.error
  const verdict = pick(failures).error
  const wait = canPass(verdict) ? shortestWait(failures) : undefined
  return new GatewayError(verdict.reason, describe(failures), {
    ...(wait !== undefined && { retryAfter: wait }),
    ...(verdict.code === 'INVALID_ARGUMENT' && { fields: fieldsOf(failures) }),
    ...(verdict.facts.quota && { quota: verdict.facts.quota }),
    ...(verdict.facts.upstream && { upstream: verdict.facts.upstream }),
    ...(verdict.facts.provider && { provider: verdict.facts.provider }),
    ...(verdict.facts.model && { model: verdict.facts.model }),
    cause: verdict,
  })
}

function pick(failures: readonly Failure[]): Failure {
  const asked = failures.filter(({ error }) => attemptOutcomeOf(error.reason) !== AttemptOutcome.SKIPPED)
  const aboutContent = asked.find(({ error }) => error.code === 'INVALID_ARGUMENT')
  if (aboutContent) return aboutContent
  const allLimited = asked.length > 0 && asked.every(({ error }) => error.code === 'RESOURCE_EXHAUSTED')
  const order: Code[] = [...(allLimited ? (['RESOURCE_EXHAUSTED'] as const) : []), 'UNAVAILABLE', 'FAILED_PRECONDITION']
  for (const code of order) {
    const found = asked.filter(({ error }) => error.code === code)
    // Prefer the error that says how long to wait: a spent quota does not.
    const [best] = [...found.filter(({ error }) => error.facts.retryAfter !== undefined), ...found]
    if (best) return best
  }
  return asked[0] ?? (failures[0] as Failure) // allFailed has at least two
}

/** Whether the same call may succeed later. */
function canPass({ code }: GatewayError): boolean {
  return code === 'UNAVAILABLE' || code === 'RESOURCE_EXHAUSTED'
}

function shortestWait(failures: readonly Failure[]): number | undefined {
  const waits = failures.flatMap(({ error }) => error.facts.retryAfter ?? [])
  return waits.length > 0 ? Math.min(...waits) : undefined
}

function fieldsOf(failures: readonly Failure[]): FieldViolation[] {
  return failures.flatMap(({ error }) => error.facts.fields ?? []).slice(0, 20)
}

function describe(failures: readonly Failure[]): string {
  const each = failures.map(({ target: { provider, model }, error }) => {
    const status = error.facts.upstream?.status
    return `${provider.name}/${model}: ${error.reason}${status ? ` (HTTP ${status})` : ''}`
  })
  return `All ${failures.length} targets failed. ${each.join('; ')}.`
}
