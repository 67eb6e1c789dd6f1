import type { UpstreamMessageAudience } from '../domain/errors/upstream-messages.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface TelemetrySettings {
  /** Full URL that traces are sent to; undefined sends none. */
  readonly otlpEndpoint?: string
  /** Share of traces that is kept, from 0 to 1. */
  readonly sampleRatio: number
  /** Whether a caller's trace context decides that its call is traced, in place of `sampleRatio`. */
  readonly trustSampled: boolean
  /** Whether vendors receive the trace context of calls. */
  readonly propagateToVendors: boolean
  readonly logLevel: LogLevel
  /** Who may read the messages of vendors' errors. */
  readonly upstreamMessages: UpstreamMessageAudience
}

export const defaultTelemetrySettings = {
  sampleRatio: 1,
  trustSampled: false,
  propagateToVendors: false,
  logLevel: 'info',
  upstreamMessages: 'log',
} as const
