import { kindNamed } from '../../src/providers/index.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'

/** A provider of the gateway's configuration. */
export interface ConformanceProvider {
  readonly name: string
  readonly kind: string
  readonly baseUrl: string
  /** Further keys of its block in the file. */
  readonly options?: Readonly<Record<string, string>>
}

/** Starts a gateway with these providers and a key for those that need one. */
export function startConformanceGateway(providers: readonly ConformanceProvider[]): Promise<RunningGateway> {
  const entries = providers.map(({ name, kind, baseUrl, options }) => {
    // Filled in by the gateway, not here.
    const keys = kindNamed(kind)?.key ? { keys: ['$' + '{CONFORMANCE_KEY}'] } : {}
    return [name, { kind, base_url: baseUrl, ...keys, ...options }] as const
  })
  // JSON is YAML.
  const yaml = JSON.stringify({ auth: 'none', providers: Object.fromEntries(entries) })
  return startGateway({ yaml, env: { CONFORMANCE_KEY: 'conformance-key' } })
}
