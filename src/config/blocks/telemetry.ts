import type { ProxySettings } from '../../providers/settings.ts'
import { defaultTelemetrySettings as defaults, type TelemetrySettings } from '../../telemetry/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import { type Flags, readFlag } from '../env/flags.ts'
import type { FileSettings } from '../file/schema.ts'
import type { Findings } from '../findings.ts'

export function telemetryOf(
  file: FileSettings['telemetry'],
  flags: Flags,
  env: EnvironmentSettings,
  findings: Findings,
): TelemetrySettings {
  const endpoint = file?.otlp_endpoint ?? (env.otlpTracesEndpoint ?? env.otlpEndpoint)?.value
  const logLevel = readFlag(flags, 'log-level', findings)?.value ?? file?.log_level ?? env.logLevel?.value
  return {
    ...(endpoint !== undefined && { otlpEndpoint: endpoint }),
    sampleRatio: file?.sample_ratio ?? env.sampleRatio?.value ?? defaults.sampleRatio,
    trustSampled: file?.trust_sampled ?? defaults.trustSampled,
    propagateToVendors: file?.propagate_to_vendors ?? defaults.propagateToVendors,
    logLevel: logLevel ?? defaults.logLevel,
    upstreamMessages: file?.upstream_messages ?? defaults.upstreamMessages,
  }
}

export function proxyOf({ httpsProxy, httpProxy, noProxy }: EnvironmentSettings): ProxySettings {
  return {
    ...(httpsProxy && { https: httpsProxy.value }),
    ...(httpProxy && { http: httpProxy.value }),
    ...(noProxy && { no: noProxy.value }),
  }
}
