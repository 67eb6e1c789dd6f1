import type { Call } from '../../domain/calls/call.ts'
import type { Authenticated, Planned, Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import type { Policy } from '../../domain/chain.ts'
import type { Planner } from './planner.ts'

/** Decides which targets a call may go to, and in which order. Asks no provider. */
export function plan(planner: Planner): Policy<Call & Authenticated, Planned> {
  return (next) => (call) => {
    const targets = planner.targetsFor(call, call.caller.models)
    return next({ ...call, targets: operations[call.operation].oneModel ? withFirstModel(targets) : targets })
  }
}

/** The targets that offer the first one's model. */
function withFirstModel(targets: readonly Target[]): readonly Target[] {
  const [first] = targets
  return targets.length < 2 ? targets : targets.filter(({ model }) => model === first?.model)
}
