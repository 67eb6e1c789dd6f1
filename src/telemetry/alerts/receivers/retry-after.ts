/** A receiver cannot ask for more, in ms. */
const MAX_WAIT = 24 * 3_600_000

/** Milliseconds from a header Retry-After, which has seconds or a date; undefined without a usable one. */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_WAIT)
}
