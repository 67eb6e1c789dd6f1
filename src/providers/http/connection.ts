import type { AnyRequest } from '../../domain/calls/call.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError, unsupported } from '../../domain/errors/error.ts'
import type { UpstreamMessageAudience } from '../../domain/errors/upstream-messages.ts'
import { ByteBudget } from '../../domain/limits/byte-budget.ts'
import type { Ask, ModelFacts } from '../../domain/ports/provider.ts'
import { type Credential, keyInHeader, noCredential } from '../credentials/credential.ts'
import type { ChatContext, ProviderSettings, UpstreamRequest, Wire } from '../define.ts'
import { failedReply, reportedError } from '../failures/failed-reply.ts'
import type { VendorError } from '../failures/vendor-error.ts'
import { vendorWords } from '../failures/vendor-words.ts'
import type { ModelRules } from '../model-rules.ts'
import { optionsFor } from '../names.ts'
import type { HttpClient, HttpHeaders, HttpRequest } from './http-client.ts'
import { MediaUrls } from './media-urls.ts'

/** Known facts of models, without a request to the vendor. */
export interface ModelCatalogue {
  facts(model: string): ModelFacts
  /** Looks up facts as they are now, for an attempt at a model. */
  frozen(model: string): (model: string) => ModelFacts
  /** Rules that the operator set for a model. */
  overrides(model: string): ModelRules
  ids(): readonly string[]
}

/** A credential and the headers of every request that uses it. */
interface Account {
  readonly credential: Credential
  readonly headers: Readonly<Record<HttpRequest['method'], Readonly<Record<string, string>>>>
}

/** A request and the credential that completes it. */
export interface OutgoingRequest extends HttpRequest {
  readonly credential: Credential
}

/** What a wire needs to know of a question. */
type Asked = Pick<Ask<AnyRequest>, 'request' | 'model' | 'defaults' | 'strict' | 'attempt'>

/** What the calls to one configured HTTP provider share. */
export class Connection {
  readonly settings: ProviderSettings
  readonly wire: Wire
  readonly upstream: HttpClient
  readonly clock: Clock
  readonly catalogue: ModelCatalogue
  /** Undefined where any address of media may be sent. */
  readonly mediaUrls: MediaUrls | undefined
  readonly replies: ByteBudget
  readonly #upstreamMessages: UpstreamMessageAudience
  readonly #origin: string
  readonly #basePath: string
  /** Path of the server's own address. */
  readonly #serverPath: string
  /** At least one. */
  readonly #accounts: readonly [Account, ...Account[]]

  constructor(
    settings: ProviderSettings,
    wire: Wire,
    upstream: HttpClient,
    clock: Clock,
    catalogue: ModelCatalogue,
    replies = new ByteBudget(Number.POSITIVE_INFINITY),
    upstreamMessages: UpstreamMessageAudience = 'log',
  ) {
    this.settings = settings
    this.wire = wire
    this.upstream = upstream
    this.clock = clock
    this.catalogue = catalogue
    this.replies = replies
    this.#upstreamMessages = upstreamMessages
    this.mediaUrls = settings.kind.selfHosted && !settings.privateUrls ? new MediaUrls() : undefined
    const base = new URL(settings.baseUrl)
    this.#origin = base.origin
    this.#basePath = base.pathname.replace(/\/+$/, '')
    const { apiPath } = settings.kind
    this.#serverPath = apiPath ? this.#basePath.replace(apiPath, '') : this.#basePath
    const [first = noCredential, ...others] = credentialsOf(settings, clock)
    const account = (credential: Credential) => ({ credential, headers: headersWith(settings, credential) })
    this.#accounts = [account(first), ...others.map(account)]
  }

  get keyIds(): readonly string[] {
    return this.#accounts.map(({ credential }) => credential.id).filter((id) => id !== '')
  }

  /** The HTTP request with the credential of this id, or with the first credential for an unknown id. */
  request(
    method: 'GET' | 'POST',
    request: Partial<UpstreamRequest> & { path: string },
    keyId = '',
    traceparent?: string,
  ): OutgoingRequest {
    const account = this.#accountOf(keyId)
    // Most requests add no headers of their own, and share one object.
    let headers = account.headers[method]
    if (hasAny(request.headers)) headers = { ...request.headers, ...headers }
    if (traceparent) headers = { traceparent, ...headers }
    const path = (request.base === 'server' ? this.#serverPath : this.#basePath) + request.path
    return { method, origin: this.#origin, path, headers, body: request.body, credential: account.credential }
  }

  #accountOf(id: string): Account {
    for (const account of this.#accounts) if (account.credential.id === id) return account
    return this.#accounts[0]
  }

  /** Facts of a call for the wire. One literal holds all of them, because copying them into a larger one costs more. */
  wireContext(ask: Asked, stream = false): ChatContext {
    const { settings } = this
    return {
      model: ask.model,
      stream,
      defaults: ask.defaults,
      options: settings.options,
      overrides: this.catalogue.overrides(ask.model),
      extra: optionsFor(settings, ask.request),
      leaveOut(field, why) {
        if (ask.strict) throw unsupported(field, why)
        ask.attempt.warnings.push(`${field} was left out for ${settings.name}/${ask.model}: ${why}`)
      },
    }
  }

  /** The error that a failed reply means. */
  refusal(model: string, status: number, headers: HttpHeaders, body: string): GatewayError {
    const parsedBody = parsed(body)
    const error = this.wire.readError(parsedBody)
    // Vendors write errors as JSON; other bodies are from a proxy or from a server of another kind.
    const isVendors = error !== undefined && typeof parsedBody === 'object'
    return this.withWords(failedReply({ ...this.#failure(model, headers, error), status, isVendors }), error)
  }

  /** The error that a vendor reports in a reply with status 200. */
  reported(model: string, error: VendorError, headers: HttpHeaders): GatewayError {
    return this.withWords(reportedError(this.#failure(model, headers, error)), error)
  }

  malformed(model: string): GatewayError {
    const { name } = this.settings
    const message = `${name}/${model} sent a reply that is not what its API says. Check base_url and kind.`
    return new GatewayError('UPSTREAM_MALFORMED', message, { provider: name, model, fallback: true })
  }

  /** What the body of a failed reply says. */
  readError(body: string): VendorError {
    return this.wire.readError(parsed(body)) ?? {}
  }

  /** Adds the vendor's own words to an error, if the operator wants them. */
  withWords(error: GatewayError, { message = '' }: VendorError = {}): GatewayError {
    if (message === '' || this.#upstreamMessages === 'off') return error
    const words = {
      message: vendorWords(message, [...this.settings.keys, ...Object.values(this.settings.headers)]),
      ...(this.#upstreamMessages === 'caller' && { isMessagePublic: true }),
    }
    return new GatewayError(error.reason, error.message, {
      ...error.facts,
      upstream: { ...error.facts.upstream, ...words },
    })
  }

  #failure(model: string, headers: HttpHeaders, error: VendorError | undefined) {
    const { name, kind } = this.settings
    const { local = false } = kind
    const { failures: signs = [] } = kind
    return { provider: name, signs, model, local, headers, error, now: this.clock.wall() }
  }
}

function credentialsOf(settings: ProviderSettings, clock: Clock): readonly Credential[] {
  const { kind, keys } = settings
  if (kind.credentials) return kind.credentials(settings, clock)
  const header = kind.key
  return header ? keys.map((key) => keyInHeader(key, header)) : []
}

function headersWith({ headers }: ProviderSettings, credential: Credential): Account['headers'] {
  const accept = { accept: 'application/json, text/event-stream', 'accept-encoding': 'identity' }
  const own = { ...headers, ...credential.headers }
  return { GET: { ...accept, ...own }, POST: { ...accept, 'content-type': 'application/json', ...own } }
}

function hasAny(headers: Readonly<Record<string, string>> | undefined): boolean {
  for (const _name in headers) return true
  return false
}

/** An error body is JSON, or text from a proxy in between. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
