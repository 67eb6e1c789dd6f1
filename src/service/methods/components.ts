import type { ComponentState } from '../../domain/ports/operations/components.ts'
import type { StatsSource } from '../../domain/ports/operations/stats.ts'
import type { ComponentHealth } from '../../domain/types.ts'

/** Parts that calls can do without. */
export type Components = () => readonly ComponentState[]

export function toComponents(components: Components): ComponentHealth[] {
  return components().map(({ name, healthy, message }) => ({
    $typeName: 'llmgateway.v1.ComponentHealth',
    name,
    healthy,
    message,
  }))
}

/** Adds the state of these parts to the statistics. */
export function withComponents(stats: StatsSource, components: Components): StatsSource {
  return {
    reset: () => stats.reset(),
    snapshot: (reach) => ({ ...stats.snapshot(reach), components: toComponents(components) }),
    lastAttempt: (provider) => stats.lastAttempt(provider),
  }
}
