import { BlockList, isIPv6 } from 'node:net'
import type { AuthSettings } from '../../identity/settings.ts'
import { defaultServerSettings } from '../../server/settings.ts'
import { type BatchSettings, defaultBatchSettings } from '../../service/batch/settings.ts'
import type { Address, ServerConfig, TlsConfig } from '../config.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import { type Flags, readFlag } from '../env/flags.ts'
import { systemCode } from '../env/references.ts'
import type { Found } from '../env/variables.ts'
import type { ListenAddress } from '../file/readers.ts'
import type { FileSettings } from '../file/schema.ts'
import { serverKeys, serverLimitKeys, settingsOf } from '../file/server-keys.ts'
import type { Findings } from '../findings.ts'
import { concurrencyOf } from './concurrency.ts'

const defaultPorts = { grpc: 50_051, http: 8080, metrics: 9464 }
type ServerName = keyof typeof defaultPorts

export interface ServerSources {
  readonly flags: Flags
  readonly env: EnvironmentSettings
  readonly auth: AuthSettings
  readonly findings: Findings
  /** The absolute path of a file that the configuration names. */
  resolvePath(path: string): string
  /** Throws what Node throws. */
  readFile(path: string): string
}

/** The addresses, the limits and the certificates. */
export function serverOf(file: FileSettings['server'], sources: ServerSources): ServerConfig {
  const { findings } = sources
  const grpc = addressOf('grpc', file, sources)
  const http = addressOf('http', file, sources)
  const metrics = addressOf('metrics', file, sources)
  const health = healthOf(file, sources)
  reportOverlaps({ grpc, http, metrics, ...(health && { health }) }, findings)
  const tls = file?.tls && tlsOf(file.tls, sources)
  const settings = {
    ...defaultServerSettings,
    ...settingsOf(serverKeys, file),
    ...settingsOf(serverLimitKeys, file?.limits),
    trustedProxies: (file?.proxy_protocol || undefined)?.trusted ?? [],
  }
  if (settings.maxPendingBytes < settings.maxReceiveBytes) {
    findings.problem('server.limits.pending_bytes', 'must not be less than server.max_receive_bytes')
  }
  return {
    grpc,
    http,
    metrics,
    ...(health && { health }),
    settings,
    ...concurrencyOf(file ?? {}, ['server'], findings),
    maxAttempts: file?.max_attempts,
    ...(tls && { tls }),
    hosts: file?.hosts ?? [],
    cors: { origins: file?.cors?.origins ?? [] },
  }
}

function addressOf(server: ServerName, file: FileSettings['server'], sources: ServerSources): Address {
  const { flags, env, auth, findings } = sources
  const written = file?.[server]
  const found: Found<ListenAddress> | undefined =
    readFlag(flags, server, findings) ?? (written ? { from: `server.${server}`, value: written } : env[server])
  const closed = auth.kind === 'none' && !auth.stated
  const host = found?.value.host ?? (closed ? '127.0.0.1' : '0.0.0.0')
  // Metrics are served without a credential in any case, so authentication does not decide where.
  if (found && closed && server !== 'metrics' && !isLoopback(host)) {
    findings.problem(
      found.from,
      'would open the gateway to other machines without authentication: set auth.keys or JWT_SECRET, or write "auth: none"',
    )
  }
  return { host, port: found?.value.port ?? defaultPorts[server] }
}

/** Anybody may know whether a gateway is well, so authentication does not decide where. */
function healthOf(file: FileSettings['server'], { env }: ServerSources): Address | undefined {
  const address = file?.health ?? env.health?.value
  return address && { host: address.host ?? '0.0.0.0', port: address.port }
}

function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}

function reportOverlaps(addresses: Readonly<Record<string, Address>>, findings: Findings): void {
  const written = Object.entries(addresses)
  for (const [index, [server, address]] of written.entries()) {
    for (const [other, taken] of written.slice(0, index)) {
      if (overlap(taken, address)) findings.problem(`server.${server}`, `is the address of server.${other}`)
    }
  }
}

/** Port 0 is a free one for each. */
function overlap(a: Address, b: Address): boolean {
  const everywhere = [a.host, b.host].some((host) => host === '0.0.0.0' || host === '::')
  return a.port !== 0 && a.port === b.port && (a.host === b.host || everywhere)
}

interface TlsEntry {
  readonly cert: string
  readonly key: string
  readonly client_ca?: string | undefined
}

function tlsOf(entry: TlsEntry, { resolvePath, readFile, findings }: ServerSources): TlsConfig {
  const file = (field: keyof TlsEntry, path: string) => {
    try {
      if (!/-----BEGIN /.test(readFile(path))) findings.problem(`server.tls.${field}`, 'must be a PEM file')
    } catch (error) {
      findings.problem(`server.tls.${field}`, `the file ${path} cannot be read (${systemCode(error)})`)
    }
    return resolvePath(path)
  }
  return {
    cert: file('cert', entry.cert),
    key: file('key', entry.key),
    ...(entry.client_ca !== undefined && { clientCa: file('client_ca', entry.client_ca) }),
  }
}

export function batchOf(file: FileSettings['batch']): BatchSettings {
  return {
    parallel: file?.parallel ?? defaultBatchSettings.parallel,
    parallelPerCaller: file?.parallel_per_caller ?? defaultBatchSettings.parallelPerCaller,
  }
}
