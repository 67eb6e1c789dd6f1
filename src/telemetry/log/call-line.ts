import type { AttemptRecord } from '../../domain/calls/call-record.ts'
import type { CallSummary } from '../../domain/calls/call-summary.ts'
import type { GatewayError, UpstreamFailure } from '../../domain/errors/error.ts'
import { originOf } from '../../domain/errors/reasons.ts'
import type { CallObserver } from '../../domain/ports/operations/call-observer.ts'
import { AttemptOutcome, type Usage } from '../../domain/types.ts'
import { finishReasonName, outcomeNames } from '../names.ts'
import { describeCause } from './cause.ts'
import type { Level, Log } from './log.ts'

/** Writes a line for every call. */
export function logCalls(log: Log): CallObserver {
  return {
    callEnded(summary) {
      const level = levelOf(summary.error)
      if (log.writes(level)) log.line(level, callLine(summary))
      if (log.writes('debug')) for (const attempt of summary.attempts) logFailedAttempt(log, summary, attempt)
    },
  }
}

/** What the vendor of a failed attempt said. Its words may hold parts of the prompt, so they are for `debug` only. */
function logFailedAttempt(log: Log, { requestId }: CallSummary, attempt: AttemptRecord): void {
  if (attempt.outcome !== AttemptOutcome.FAILED) return
  let line = `"message":"attempt failed","request_id":${quote(requestId)}`
  line += text('provider', attempt.provider) + text('model', attempt.model) + text('reason', attempt.reason)
  line += upstreamMembers(attempt.status, attempt.upstream)
  const words = attempt.upstream?.message
  if (words) line += `,"upstream_message":${JSON.stringify(words)}`
  log.line('debug', line)
}

function upstreamMembers(status: number | undefined, upstream: UpstreamFailure | undefined): string {
  return number('upstream_status', status ?? upstream?.status) + text('upstream_code', upstream?.code)
}

function levelOf(error: GatewayError | undefined): Level {
  if (!error || originOf(error.reason) === 'caller') return 'info'
  return error.reason === 'INTERNAL' ? 'error' : 'warn'
}

/**
 * The members of a call's log line. Only what is named here is ever logged; texts that a caller chose are cut. Written
 * by hand, because a general serializer costs more than all other telemetry of a call together.
 */
function callLine(summary: CallSummary): string {
  const { error, finishReason, usage, timeToFirstToken, attempts } = summary
  const last = attempts.at(-1)
  let line = `"message":"call","request_id":${quote(summary.requestId)}`
  line += text('trace_id', summary.traceId)
  line += `,"operation":"${summary.operation}"`
  line += text('caller', summary.caller) + text('peer', summary.peer)
  line += text('provider', summary.provider) + text('model', summary.model)
  if (summary.replayed) line += ',"replayed":true'
  if (summary.cached) line += ',"cached":true'
  line += `,"status":"${error ? error.code : 'OK'}"`
  if (error) line += `,"reason":"${error.reason}"${upstreamMembers(last?.status, error.facts.upstream)}`
  if (finishReason !== undefined) line += `,"finish_reason":"${finishReasonName(finishReason)}"`
  if (usage) line += usageMembers(usage)
  line += number('cost_usd', summary.costUsd)
  line += number('latency_ms', rounded(summary.latency))
  if (timeToFirstToken !== undefined) line += number('ttft_ms', rounded(timeToFirstToken))
  if (last) line += number('upstream_latency_ms', rounded(last.latency)) + attemptsMember(attempts)
  if (summary.fallbackUsed) line += ',"fallback_used":true'
  line += text('user_id', summary.userId) + text('session_id', summary.sessionId) + labelsMember(summary.labels)
  if (error?.reason === 'INTERNAL') line += `,"error":${JSON.stringify(describeCause(error.cause ?? error))}`
  return line
}

const MAX_TEXT_LENGTH = 256
const MAX_LABELS = 32
/** Once labels are longer, the rest is left out: control characters take six times their length. */
const MAX_LABELS_LENGTH = 4096
const MAX_ATTEMPTS = 32

function usageMembers({ input, output, cachedInput, cacheWrite, reasoning, estimated }: Usage): string {
  const members =
    number('input_tokens', input) +
    number('output_tokens', output) +
    number('cached_input_tokens', cachedInput) +
    number('cache_write_tokens', cacheWrite) +
    number('reasoning_tokens', reasoning)
  return estimated ? `${members},"usage_estimated":true` : members
}

function attemptsMember(attempts: readonly AttemptRecord[]): string {
  let list = ''
  for (const attempt of attempts.length > MAX_ATTEMPTS ? attempts.slice(0, MAX_ATTEMPTS) : attempts) {
    if (list !== '') list += ','
    list += `{"provider":${quote(attempt.provider)},"model":${quote(attempt.model)}`
    list += `,"outcome":"${outcomeNames[attempt.outcome]}"${text('reason', attempt.reason)}`
    list += attempt.reason === '' ? '}' : `${upstreamMembers(attempt.status, attempt.upstream)}}`
  }
  return `,"attempts":[${list}]`
}

function labelsMember(labels: Readonly<Record<string, string>>): string {
  let list = ''
  let left = MAX_LABELS
  for (const key in labels) {
    if (left-- === 0 || list.length > MAX_LABELS_LENGTH) break
    if (list !== '') list += ','
    list += `${quote(key)}:${quote(labels[key] ?? '')}`
  }
  return list === '' ? '' : `,"labels":{${list}}`
}

function text(key: string, value: string | undefined): string {
  return value ? `,"${key}":${quote(value)}` : ''
}

function number(key: string, value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '' : `,"${key}":${value}`
}

/** Rounds to microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function quote(value: string): string {
  const short = value.length > MAX_TEXT_LENGTH ? value.slice(0, MAX_TEXT_LENGTH) : value
  return harmless.test(short) ? `"${short}"` : JSON.stringify(short)
}

/** ASCII without special meaning to JSON or a terminal. */
const harmless = /^[ !#-[\]-~]*$/
