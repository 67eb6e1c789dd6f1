import { GatewayError } from '../../domain/errors/error.ts'
import type { Reason } from '../../domain/errors/reasons.ts'
import type { VendorError } from '../failures/vendor-error.ts'

interface PullSign {
  readonly status?: number
  /** Words of Ollama and Go's runtime, Docker Model Runner and the registries behind them, LM Studio. */
  readonly words?: RegExp
  readonly reason: Reason
  readonly advice: string
}

/** What it means that a pull fails. The first sign that fits counts. */
const signs: readonly PullSign[] = [
  {
    words: /no space left|disk (is )?full|not enough (disk )?space|insufficient (disk )?space|quota exceeded/i,
    reason: 'UPSTREAM_ERROR',
    advice: 'The disk of the server is full. Free some space and try again; what was pulled is kept.',
  },
  {
    words: /unexpected endpoint|page not found|method not allowed/i,
    reason: 'UNSUPPORTED',
    advice: 'This version of the server cannot pull models by its API.',
  },
  {
    words: /requires a newer version/i,
    reason: 'UPSTREAM_ERROR',
    advice: 'The model needs a newer version of the server.',
  },
  {
    words: /no such host|dial tcp|connection refused|network is unreachable|i\/o timeout|TLS handshake/i,
    reason: 'UPSTREAM_ERROR',
    advice: 'The server cannot reach its library: check its network, and the host in the name of the model.',
  },
  {
    words:
      /file does not exist|not found|manifest unknown|no such model|invalid (model )?(name|reference)|does not exist/i,
    reason: 'LOCAL_MODEL_MISSING',
    advice: 'The library of the server has no such model: check its name.',
  },
  {
    status: 404,
    reason: 'LOCAL_MODEL_MISSING',
    advice: 'The library of the server has no such model: check its name.',
  },
  {
    words: /unauthori[sz]ed|access denied|authentication required|gated/i,
    reason: 'UPSTREAM_FORBIDDEN',
    advice: 'The server may not read this model: it needs access to its library.',
  },
  {
    status: 401,
    reason: 'UPSTREAM_CREDENTIALS',
    advice: 'Check the key of this provider, and the access to the library.',
  },
  { status: 403, reason: 'UPSTREAM_FORBIDDEN', advice: 'The server may not read this model.' },
  { status: 400, reason: 'LOCAL_MODEL_MISSING', advice: 'The server refused the name of the model.' },
  { reason: 'UPSTREAM_ERROR', advice: 'The server failed to pull it. Its log says why; what was pulled is kept.' },
]

/** The error that a failed pull means. `status` is that of the reply; undefined for a failure in a good one. */
export function pullError(provider: string, model: string, error: VendorError, status?: number): GatewayError {
  const { message = '' } = error
  const fits = (sign: PullSign) =>
    (sign.status === undefined || sign.status === status) && (sign.words === undefined || sign.words.test(message))
  const { reason, advice } = signs.find(fits) ?? { reason: 'UPSTREAM_ERROR' as const, advice: '' }
  return new GatewayError(reason, `${provider}/${model} cannot be pulled. ${advice}`, {
    provider,
    model,
    ...(status !== undefined && { upstream: { status } }),
  })
}
