import type { Timeouts } from '../domain/calls/call.ts'

/** In ms. */
export const defaultTimeouts: Timeouts = { connect: 3_000, firstToken: 120_000, idle: 60_000, total: 600_000 }

/** Calls that may wait for a turn where only the number of calls at once is configured. */
export const DEFAULT_QUEUE = 100

/** Proxies for upstream requests, as in HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
export interface ProxySettings {
  /** For https:// upstreams. */
  readonly https?: string | undefined
  /** For http:// upstreams. */
  readonly http?: string | undefined
  /** Hosts that are reached directly, separated by commas. */
  readonly no?: string | undefined
}
