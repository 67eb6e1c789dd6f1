import { type SpanContext, TraceFlags } from '@opentelemetry/api'

/**
 * Parses a W3C trace context; undefined when it is not valid. Versions after 00 may carry more than is read here.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent(header: string): SpanContext | undefined {
  const match = pattern.exec(header)
  if (!match) return undefined
  const [, version, traceId = '', spanId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== '')) return undefined
  if (traceId === noTrace || spanId === noSpan) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}

const pattern = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.{0,200}|)$/
const noTrace = '0'.repeat(32)
const noSpan = '0'.repeat(16)
