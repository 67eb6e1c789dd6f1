import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/error.ts'
import type { Breakers, LastAttempt, Provider, StatsSource } from '../../domain/ports.ts'
import { duration } from '../../domain/trail.ts'
import {
  type BreakerState,
  type HealthRequest,
  type HealthResponse,
  HealthStatus,
  type ProviderHealth,
} from '../../domain/types.ts'
import type { UnaryMethod } from '../methods.ts'
import { orCancelled } from './or-cancelled.ts'
import { Remembered } from './remembered.ts'

/** The most time for a probe, in ms. */
const TIMEOUT = 3_000
/** How long a call or a probe tells how a provider is, in ms. */
const FRESH = 60_000

export interface HealthSources {
  readonly providers: readonly Provider[]
  readonly stats: StatsSource
  readonly breakers: Breakers
  readonly clock: Clock
  readonly isDraining: () => boolean
}

/**
 * How the gateway and its providers are. Calls tell it for nothing; a provider that none has used for a while is
 * probed. Anybody may ask, so a provider sees at most one probe a minute, however many do.
 */
export function createCheckHealth(sources: HealthSources): UnaryMethod<HealthRequest, HealthResponse> {
  const { providers, stats, breakers, clock, isDraining } = sources
  const probes = new Map<Provider, Remembered<LastAttempt>>()
  for (const provider of providers) {
    probes.set(provider, new Remembered(clock, () => probe(provider, clock), { answer: FRESH, failure: FRESH }))
  }

  async function healthOf(provider: Provider): Promise<ProviderHealth> {
    const last = stats.lastAttempt(provider.name)
    const isFresh = last !== undefined && clock.now() - last.at <= FRESH
    const known = isFresh ? last : await probes.get(provider)?.get()
    return toHealth(provider, known, breakers.stateOf(provider.name))
  }

  return async (_request, context) => {
    const health = await orCancelled(Promise.all(providers.map(healthOf)), context.cancellation)
    // What nobody has asked for is not missed.
    const expected = health.filter(({ healthy }, index) => healthy || !providers[index]?.assumed)
    return {
      $typeName: 'llmgateway.v1.HealthResponse',
      status: isDraining() ? HealthStatus.UNHEALTHY : overall(expected),
      providers: health,
    }
  }
}

/** Costs nothing, and fails by its answer only. */
async function probe(provider: Provider, clock: Clock): Promise<LastAttempt> {
  const startedAt = clock.now()
  let failure: GatewayError | undefined
  try {
    await provider.listModels(TIMEOUT)
  } catch (thrown) {
    failure = GatewayError.from(thrown)
  }
  const at = clock.now()
  return { ok: !failure, at, latency: at - startedAt, reason: failure?.reason ?? '', message: failure?.message ?? '' }
}

function toHealth(provider: Provider, last: LastAttempt | undefined, breaker: BreakerState): ProviderHealth {
  const healthy = last?.ok ?? false
  return {
    $typeName: 'llmgateway.v1.ProviderHealth',
    name: provider.name,
    kind: provider.kind,
    healthy,
    message: healthy ? '' : last?.message || `Its last call failed: ${last?.reason}.`,
    latency: duration(last?.latency ?? 0),
    breaker,
  }
}

function overall(providers: readonly ProviderHealth[]): HealthStatus {
  const healthy = providers.filter((provider) => provider.healthy).length
  if (healthy === 0) return HealthStatus.UNHEALTHY
  return healthy === providers.length ? HealthStatus.HEALTHY : HealthStatus.DEGRADED
}
