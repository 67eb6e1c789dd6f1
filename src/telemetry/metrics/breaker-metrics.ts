import type { Breakers } from '../../domain/ports/breakers.ts'
import { splitTarget } from '../../domain/text/target-name.ts'
import { BreakerState } from '../../domain/types.ts'
import type { Log } from '../log/log.ts'
import { other, type TargetSeriesTable } from '../upstreams.ts'
import { instruments } from './instruments.ts'
import type { Counter, Metrics } from './metrics.ts'

export interface BreakerWatch {
  readonly breakers: Breakers
  readonly metrics: Metrics
  readonly upstreams: TargetSeriesTable
  readonly log: Log
  /** The configured ones, as `provider/model`. */
  readonly targets: readonly string[]
}

const names: Readonly<Record<BreakerState, string>> = {
  [BreakerState.UNSPECIFIED]: 'closed',
  [BreakerState.CLOSED]: 'closed',
  [BreakerState.HALF_OPEN]: 'half_open',
  [BreakerState.OPEN]: 'open',
}

/** Counts, shows and logs what becomes of the breakers. */
export function watchBreakers({ breakers, metrics, upstreams, log, targets }: BreakerWatch): void {
  const gauge = (provider: string, model: string): Counter =>
    metrics.counter(instruments.breakerState, { provider, model })
  for (const target of targets) {
    const { provider, model } = splitTarget(target)
    gauge(provider, model)
  }
  breakers.onChange((change) => {
    const { provider, model } = upstreams.find(change.provider, change.model, false)
    const state = names[change.state]
    metrics.counter(instruments.breakerTransitions, { provider, model, state }).value++
    // Of several models together there is no one state.
    if (model !== other) gauge(provider, model).value = change.state - BreakerState.CLOSED
    const coolDown = change.state === BreakerState.OPEN && { cool_down_ms: Math.round(change.coolDown) }
    log.warn('a breaker changed', { provider: change.provider, model: change.model, state, ...coolDown })
  })
}
