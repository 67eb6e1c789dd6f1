import { duration } from '../../domain/calls/call-record.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError, invalid } from '../../domain/errors/error.ts'
import type { Breakers } from '../../domain/ports/breakers.ts'
import type { LastAttempt, StatsSource } from '../../domain/ports/operations/stats.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import type { SafetyLockSource } from '../../domain/ports/safety-locks.ts'
import {
  type BreakerState,
  type ComponentHealth,
  type HealthRequest,
  type HealthResponse,
  HealthStatus,
  HealthView,
  type ProviderHealth,
} from '../../domain/types.ts'
import type { UnaryMethod } from '../method-types.ts'
import { type Components, toComponents } from './components.ts'
import { orCancelled } from './or-cancelled.ts'
import { SharedResult } from './shared-result.ts'

/** Limit for the time of a probe in ms. */
const TIMEOUT = 3_000
/** How long the outcome of a call or a probe counts, in ms. */
const FRESH = 60_000

/** Components of the views that have no others. */
const cacheComponents = ['cache', 'redis']
const costComponents = ['ledger', 'budgets']
/** Within the process itself. */
const ownComponents = ['cache']

/** The components of a view without providers; undefined for the other views. */
function componentsIn(view: HealthView): ((name: string) => boolean) | undefined {
  if (view === HealthView.CACHE) return (name) => cacheComponents.includes(name)
  if (view === HealthView.COSTS) return (name) => costComponents.includes(name)
  if (view === HealthView.DEPENDENCIES) return (name) => !ownComponents.includes(name)
  return undefined
}

export interface HealthSources {
  readonly providers: readonly Provider[]
  readonly stats: StatsSource
  readonly locks?: SafetyLockSource
  readonly breakers: Breakers
  readonly clock: Clock
  /** Parts that calls can do without. */
  readonly components?: Components
  readonly isDraining: () => boolean
}

/**
 * Reports the health of the gateway and its providers, from the outcome of recent calls. A provider without a recent
 * call is probed, at most once a minute, because any client may ask.
 */
export function createCheckHealth(sources: HealthSources): UnaryMethod<HealthRequest, HealthResponse> {
  const { providers, stats, breakers, locks, clock, components = () => [], isDraining } = sources
  const probes = new Map<Provider, SharedResult<LastAttempt>>()
  for (const provider of providers) {
    probes.set(provider, new SharedResult(clock, () => probe(provider, clock), { answer: FRESH, failure: FRESH }))
  }

  async function healthOf(provider: Provider): Promise<ProviderHealth> {
    const last = stats.lastAttempt(provider.name)
    const isFresh = last !== undefined && clock.now() - last.at <= FRESH
    const known = isFresh ? last : await probes.get(provider)?.get()
    const lock = locks?.states().find((state) => state.locked && state.provider === provider.name)
    return { ...toHealth(provider, known, breakers.stateOf(provider.name)), lockedTo: lock?.target ?? '' }
  }

  return async ({ view }, context) => {
    if (HealthView[view] === undefined) throw invalid('view', 'must be a known view')
    const parts = view === HealthView.PROVIDERS ? [] : toComponents(components)
    const isSeen = componentsIn(view)
    if (isSeen) {
      const seen = parts.filter(({ name }) => isSeen(name))
      return toResponse(isDraining() ? HealthStatus.UNHEALTHY : overallOf(seen), [], seen)
    }
    const health = await orCancelled(Promise.all(providers.map(healthOf)), context.cancellation)
    // A provider that nobody configured does not count while it fails.
    const expected = health.filter(({ healthy }, index) => healthy || !providers[index]?.assumed)
    const status = isDraining() ? HealthStatus.UNHEALTHY : overall(expected, parts)
    return view === HealthView.BASIC ? toResponse(status, [], []) : toResponse(status, health, parts)
  }
}

/** A call that costs nothing. It never rejects. */
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
    lockedTo: '',
    breaker,
  }
}

function toResponse(status: HealthStatus, providers: ProviderHealth[], components: ComponentHealth[]): HealthResponse {
  return { $typeName: 'llmgateway.v1.HealthResponse', status, providers, components }
}

function overall(providers: readonly ProviderHealth[], components: readonly ComponentHealth[]): HealthStatus {
  if (!providers.some(({ healthy }) => healthy)) return HealthStatus.UNHEALTHY
  return overallOf([...providers, ...components])
}

/** Calls are answered even if all of these parts fail. */
function overallOf(parts: readonly { readonly healthy: boolean }[]): HealthStatus {
  return parts.every(({ healthy }) => healthy) ? HealthStatus.HEALTHY : HealthStatus.DEGRADED
}
