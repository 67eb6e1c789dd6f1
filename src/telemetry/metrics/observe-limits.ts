import type { KeyState } from '../../domain/ports/keys.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import type { SafetyLockSource } from '../../domain/ports/safety-locks.ts'
import { instruments } from './instruments.ts'
import type { Metrics } from './metrics.ts'

/** Counts of a limit of concurrent calls. */
export interface GateCounts {
  readonly active: number
  readonly waiting: number
  readonly refused: number
}

const keyStates = ['available', 'cooling', 'quarantined'] as const satisfies readonly KeyState[]

/** Scope of the limit for all providers; no provider has this name. */
const ALL = '*'

/** Shows the states of the providers' keys. They are read when metrics are scraped and cost calls nothing. */
export function observeKeys(metrics: Metrics, providers: readonly Pick<Provider, 'name' | 'keys'>[]): void {
  for (const { name: provider, keys } of providers) {
    if (!keys) continue
    for (const state of keyStates) {
      metrics.observe(
        instruments.keys,
        { provider, state },
        () => keys.list().filter((key) => key.state === state).length,
      )
    }
  }
}

/** Shows the limits of concurrent calls. */
export function observeGates(
  metrics: Metrics,
  gates: { readonly providers: ReadonlyMap<string, GateCounts>; readonly process?: GateCounts | undefined },
): void {
  const all = [...gates.providers, ...(gates.process ? [[ALL, gates.process] as const] : [])]
  for (const [scope, gate] of all) {
    metrics.observe(instruments.gateActive, { scope }, () => gate.active)
    metrics.observe(instruments.gateQueued, { scope }, () => gate.waiting)
    metrics.observe(instruments.gateRefused, { scope }, () => gate.refused)
  }
}

/** Shows the safety locks. */
export function observeLocks(metrics: Metrics, locks: SafetyLockSource): void {
  const stateOf = (provider: string) => locks.states().find((state) => state.provider === provider)
  for (const { provider } of locks.states()) {
    metrics.observe(instruments.safetyLock, { provider }, () => (stateOf(provider)?.locked ? 1 : 0))
    metrics.observe(instruments.diverted, { provider }, () => stateOf(provider)?.diverted ?? 0)
  }
}
