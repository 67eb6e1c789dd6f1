import type { HttpHeaders } from '../http/http-client.ts'

/** Longer waits are cut to this, in ms. */
const MAX_WAIT = 3_600_000

/**
 * Wait that a reply asks for, in ms: `retry-after-ms`, `retry-after` in seconds or as a date, else the reset of the
 * limit that has nothing left. Undefined where the reply names none, or an invalid one.
 * https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfter(headers: HttpHeaders, now: number): number | undefined {
  return (
    bounded(decimal(one(headers, 'retry-after-ms'))) ??
    bounded(seconds(one(headers, 'retry-after'), now)) ??
    bounded(spentLimitReset(headers))
  )
}

function one(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function seconds(value: string | undefined, now: number): number | undefined {
  const number = decimal(value)
  if (number !== undefined) return number * 1000
  if (!value || !/^[A-Z][a-z]{2},? /.test(value)) return undefined
  return Date.parse(value) - now
}

/** `x-ratelimit-reset-requests: 6m0s` and the like count only beside `x-ratelimit-remaining-requests: 0`. */
function spentLimitReset(headers: HttpHeaders): number | undefined {
  let longest: number | undefined
  for (const limit of ['requests', 'tokens']) {
    if (one(headers, `x-ratelimit-remaining-${limit}`) !== '0') continue
    const reset = span(one(headers, `x-ratelimit-reset-${limit}`))
    if (reset !== undefined) longest = Math.max(longest ?? 0, reset)
  }
  return longest
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `1h2m3.5s`, `120ms`, or bare seconds. */
function span(value: string | undefined): number | undefined {
  const bare = decimal(value)
  if (bare !== undefined) return bare * 1000
  if (!value || !/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) return undefined
  let total = 0
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (unitMs[unit ?? ''] ?? 0)
  }
  return total
}

function decimal(value: string | undefined): number | undefined {
  return value && /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined
}

function bounded(ms: number | undefined): number | undefined {
  return ms === undefined || !(ms >= 0) ? undefined : Math.min(ms, MAX_WAIT)
}
