import { GatewayError } from '../../domain/errors/error.ts'
import { ProxyError } from '../http/proxy.ts'

const UNREACHABLE_WAIT = 5_000
const ASSUMED_ADVICE =
  'It is assumed, not configured: start it, set a key such as OPENAI_API_KEY, or write providers in a gateway.yaml.'

/** The other end of a connection. */
interface Peer {
  readonly provider: string
  readonly model: string
  /** Whether nobody has configured it. */
  readonly assumed: boolean
}

/** How far a request had come when its connection broke. */
export interface Progress {
  /** Whether a byte of the reply had come. */
  readonly replied: boolean
  /** Whether the connection had served other requests before. */
  readonly reused: boolean
}

/** The error that a broken connection means. */
export function networkError({ provider, model, assumed }: Peer, cause: Error, progress: Progress): GatewayError {
  const name = `${provider}/${model}`
  const facts = { provider, model, cause }
  const code = codeOf(cause)
  if (cause instanceof ProxyError) {
    const message = `${name} cannot be reached: the proxy ${cause.proxy} ${cause.trouble}. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.`
    return new GatewayError('UPSTREAM_UNREACHABLE', message, { ...facts, retryAfter: UNREACHABLE_WAIT })
  }
  if (/^(ENOTFOUND|EAI_\w+|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) {
    const advice = assumed ? ASSUMED_ADVICE : 'Check base_url.'
    const message = `${name} cannot be reached (${code}). ${advice}`
    return new GatewayError('UPSTREAM_UNREACHABLE', message, { ...facts, retryAfter: UNREACHABLE_WAIT })
  }
  if (/^(CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code)) {
    return new GatewayError('UPSTREAM_TLS', `${name}: its certificate or TLS was refused (${code}).`, facts)
  }
  // undici 7.30 has lost the code of this error.
  if (cause.name === 'HTTPParserError') {
    return new GatewayError('UPSTREAM_MALFORMED', `${name} does not speak HTTP as it should. Check base_url.`, facts)
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new GatewayError('UPSTREAM_LIMIT', `${name} sent too large headers.`, facts)
  }
  return new GatewayError('UPSTREAM_RESET', `${name} closed the connection.`, { ...facts, ...resetFacts(progress) })
}

/** Servers close connections that were idle for long: a request that met such an end is sent again, and proves nothing. */
function resetFacts({ replied, reused }: Progress) {
  if (replied) return {}
  return reused ? ({ retry: true, retryAfter: 0, blame: 'request' } as const) : ({ blame: 'target' } as const)
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
