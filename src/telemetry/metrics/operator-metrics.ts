import type { OperatorEventSubscriber } from '../../domain/ports/operations/operator-events.ts'
import { splitTarget } from '../../domain/text/target-name.ts'
import { BreakerState } from '../../domain/types.ts'
import { breakerStateNames, other } from '../names.ts'
import { instruments } from './instruments.ts'
import type { Counter, Metrics } from './metrics.ts'
import type { TargetSeriesTable } from './target-series-table.ts'

/** Counts limits reached and breaker transitions. `targets` are the configured ones, as `provider/model`. */
export function countOperatorEvents(
  metrics: Metrics,
  table: TargetSeriesTable,
  targets: readonly string[],
): OperatorEventSubscriber {
  const breakerState = (provider: string, model: string): Counter =>
    metrics.counter(instruments.breakerState, { provider, model })
  for (const target of targets) {
    const { provider, model } = splitTarget(target)
    breakerState(provider, model)
  }
  return {
    breakerChanged(change) {
      const { provider, model } = table.find(change.provider, change.model, false)
      const state = breakerStateNames[change.state]
      metrics.counter(instruments.breakerTransitions, { provider, model, state }).value++
      // Several models together have no single state.
      if (model !== other) breakerState(provider, model).value = change.state - BreakerState.CLOSED
    },
    budgetOverrun(provider, model, excess) {
      const series = table.find(provider, model, false)
      const labels = { provider: series.provider, model: series.model }
      metrics.counter(instruments.budgetOverrun, labels).value += excess
    },
    limitReached(scope, limit, enforced) {
      metrics.counter(instruments.limitsReached, { scope, limit, enforced: String(enforced) }).value++
    },
  }
}
