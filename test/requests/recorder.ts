import { type ChatRequestSchema, LlmGateway } from '../../src/domain/types.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { startVendor, type VendorRequest, type VendorServer } from '../support/vendor-server.ts'
import { replyTo } from './replies.ts'
import { type RequestName, requestNamed } from './requests.ts'
import type { Init } from './typed/said.ts'
import type { RequestWire } from './wires.ts'

/** What the gateway made of a request: what it sent to the vendor, or why it sent nothing. */
export type Recording = Sent | Refused

export interface Sent {
  /** Behind the vendor's host. */
  readonly path: string
  /** The key stands as KEY. What changes from call to call is left out. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  /** What the caller was told of what was left out. */
  readonly warnings: readonly string[]
}

export interface Refused {
  readonly refused: {
    readonly code: string
    readonly reason: string | undefined
    readonly fields: readonly string[]
    readonly message: string
  }
}

export const KEY = 'KEY'
const changing: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'traceparent'])

/** The gateway, with a provider for each wire, before an HTTP server that notes what it is sent. */
export class Recorder {
  readonly #vendor: VendorServer
  readonly #gateway: RunningGateway
  readonly #client: GrpcClient

  private constructor(vendor: VendorServer, gateway: RunningGateway) {
    this.#vendor = vendor
    this.#gateway = gateway
    this.#client = new GrpcClient(gateway.grpc)
  }

  static async start(wires: readonly RequestWire[]): Promise<Recorder> {
    const vendor = await startVendor()
    vendor.answer((request) => {
      const wire = wires.find(({ name }) => name === request.path.split('/')[1])
      return wire ? replyTo(wire, request) : { status: 404, pieces: [] }
    })
    const providers = wires.map(({ name, kind, basePath, options }) => {
      // Filled in by the gateway, not here.
      const keys = kind === 'ollama' ? {} : { keys: ['$' + '{RECORDER_KEY}'] }
      return [name, { kind, base_url: `${vendor.url}/${name}${basePath}`, ...keys, ...options }] as const
    })
    // JSON is YAML.
    const yaml = JSON.stringify({ auth: 'none', providers: Object.fromEntries(providers) })
    return new Recorder(vendor, await startGateway({ yaml, env: { RECORDER_KEY: KEY } }))
  }

  /** Where a client of the vendor's own is to send what it is to be compared with. */
  addressOf({ name, basePath }: RequestWire): string {
    return `${this.#vendor.url}/${name}${basePath}`
  }

  async record({ name: provider, model }: RequestWire, name: RequestName): Promise<Recording> {
    const { streamed = false, ...request } = requestNamed(name)
    const { warnings, refused } = await this.#ask({ ...request, provider, model }, streamed)
    const [sent, ...more] = this.takeSent()
    if (more.length > 0) throw new Error(`${provider}/${name} was sent more than once`)
    if (refused && sent) throw new Error(`${provider}/${name} was refused after it had been sent`)
    if (refused) return { refused }
    if (!sent) throw new Error(`${provider}/${name} was answered without having been sent`)
    return { ...sent, warnings }
  }

  /** What has been sent since the last time. */
  takeSent(): Omit<Sent, 'warnings'>[] {
    return this.#vendor.requests.splice(0).map(asSent)
  }

  async close(): Promise<void> {
    this.#client.close()
    await this.#gateway.close()
    await this.#vendor.close()
  }

  async #ask(
    request: Init<typeof ChatRequestSchema>,
    streamed: boolean,
  ): Promise<{ warnings: string[]; refused?: Refused['refused'] }> {
    const { unary, stream } = { unary: LlmGateway.method.chat, stream: LlmGateway.method.streamChat }
    const { route, error } = streamed
      ? await this.#client.stream(stream, request).then(({ messages, error }) => {
          const last = messages.at(-1)?.event
          return { route: last?.case === 'finish' ? last.value.route : undefined, error }
        })
      : await this.#client.unary(unary, request).then(({ value, error }) => ({ route: value?.route, error }))
    if (!error) return { warnings: route?.warnings ?? [] }
    const { code, reason, fields, message } = error
    return { warnings: [], refused: { code, reason, fields, message } }
  }
}

function asSent({ path, headers, body }: VendorRequest): Omit<Sent, 'warnings'> {
  const kept = Object.entries(headers)
    .filter(([name]) => !changing.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    path: path.replace(/^\/[^/]+/, ''),
    headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
    body: JSON.parse(body),
  }
}
