import type { Call } from '../../domain/call.ts'
import type { AttemptRecord } from '../../domain/call-record.ts'
import type { GatewayError } from '../../domain/error.ts'
import { originOf } from '../../domain/reasons.ts'
import type { Usage } from '../../domain/types.ts'
import { outcomeNames } from '../names.ts'
import { type Finish, finishReasonName } from '../tracing/spans.ts'
import { describeCause } from './cause.ts'
import type { Level } from './log.ts'

/** What is known of a call at its end. Times in ms. */
export interface EndedCall {
  readonly call: Call
  readonly error: GatewayError | undefined
  readonly finish: Finish | undefined
  readonly usage: Usage | undefined
  readonly traceId: string | undefined
  readonly latency: number
  readonly timeToFirstToken: number | undefined
}

export function levelOf(error: GatewayError | undefined): Level {
  if (!error || originOf(error.reason) === 'caller') return 'info'
  return error.reason === 'INTERNAL' ? 'error' : 'warn'
}

/**
 * The members of a call's log line. Only what is named here is ever logged; texts that a caller chose are cut. Written
 * by hand, because a general serializer costs more than all other telemetry of a call together.
 */
export function callLine({ call, error, finish, usage, traceId, latency, timeToFirstToken }: EndedCall): string {
  const { request, context, operation } = call
  const { record } = context
  const last = record.attempts.at(-1)
  const known = finish?.route?.cached ? finish.route : undefined
  const asked = known ?? last
  let line = `"message":"call","request_id":${quote(context.requestId)}`
  line += text('trace_id', traceId)
  line += `,"operation":"${operation}"`
  line += text('caller', record.caller) + text('peer', context.peer)
  line += text('provider', asked?.provider) + text('model', asked?.model ?? request.model)
  if (known) line += ',"cached":true'
  line += `,"status":"${error ? error.code : 'OK'}"`
  if (error) line += `,"reason":"${error.reason}"`
  if (finish && 'finishReason' in finish) line += `,"finish_reason":"${finishReasonName(finish.finishReason)}"`
  if (usage) line += usageMembers(usage)
  line += number('cost_usd', finish?.cost?.usd)
  line += number('latency_ms', rounded(latency))
  if (timeToFirstToken !== undefined) line += number('ttft_ms', rounded(timeToFirstToken))
  if (last) line += number('upstream_latency_ms', rounded(last.latency)) + attemptsMember(record.attempts)
  if (record.fallbackUsed) line += ',"fallback_used":true'
  line += text('user_id', request.userId) + text('session_id', request.sessionId) + labelsMember(request.labels)
  if (error?.reason === 'INTERNAL') line += `,"error":${JSON.stringify(describeCause(error.cause ?? error))}`
  return line
}

const longestText = 256
const mostLabels = 32
const mostAttempts = 32

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
  for (const attempt of attempts.length > mostAttempts ? attempts.slice(0, mostAttempts) : attempts) {
    if (list !== '') list += ','
    list += `{"provider":${quote(attempt.provider)},"model":${quote(attempt.model)}`
    list += `,"outcome":"${outcomeNames[attempt.outcome]}"${text('reason', attempt.reason)}}`
  }
  return `,"attempts":[${list}]`
}

function labelsMember(labels: Readonly<Record<string, string>>): string {
  let list = ''
  let left = mostLabels
  for (const key in labels) {
    if (left-- === 0) break
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

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function quote(value: string): string {
  const short = value.length > longestText ? value.slice(0, longestText) : value
  return harmless.test(short) ? `"${short}"` : JSON.stringify(short)
}

/** ASCII that means nothing to JSON nor to a terminal. */
const harmless = /^[ !#-[\]-~]*$/
