import type { IncomingHttpHeaders } from 'node:http'

/** https://grpc.github.io/grpc/core/md_doc__p_r_o_t_o_c_o_l-_h_t_t_p2.html */
const TIMEOUT = /^(\d{1,8})([HMSmun])$/
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** The longest that a timer of Node's can keep, about 24.8 days: in ms, and as a timeout. */
const MAX_TIMER = 2 ** 31 - 1
const MAX_TIMEOUT = '596H'

/** The value of `grpc-timeout` in ms; undefined when it is malformed. */
function timeoutOf(text: string): number | undefined {
  const match = TIMEOUT.exec(text)
  const unit = match && units[match[2] ?? '']
  return match && unit ? Number(match[1]) * unit : undefined
}

/**
 * Cuts `grpc-timeout` to what a timer can keep: with a longer one the libraries' timers fire at once. Returns what it was
 * in ms, undefined when it is malformed or absent.
 */
export function limitGrpcTimeout(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['grpc-timeout']
  const ms = typeof text === 'string' ? timeoutOf(text) : undefined
  if (ms !== undefined && ms > MAX_TIMER) headers['grpc-timeout'] = MAX_TIMEOUT
  return ms
}

/** The same for the header of Connect's protocol, which counts ms. */
export function limitConnectTimeout(headers: IncomingHttpHeaders): void {
  if (Number(headers['connect-timeout-ms']) > MAX_TIMER) headers['connect-timeout-ms'] = String(MAX_TIMER)
}
