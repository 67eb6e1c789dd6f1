import type { Call } from '../../domain/call.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Planned } from '../../domain/facts.ts'
import type { Planner } from './planner.ts'

/** Decides which targets a call may go to, and in which order. Asks nobody. */
export function plan(planner: Planner): Policy<Call, Planned> {
  return (next) => (call) => next({ ...call, targets: planner.targetsFor(call) })
}

/** Vectors of different models do not compare: leaves only the targets that offer the first one's model. */
export function keepModel(): Policy<Call & Planned> {
  return (next) => (call) => {
    const [first, ...others] = call.targets
    if (!first || others.length === 0) return next(call)
    return next({ ...call, targets: [first, ...others.filter(({ model }) => model === first.model)] })
  }
}
