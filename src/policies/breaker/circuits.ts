import type { Clock } from '../../domain/clock.ts'
import type { Target } from '../../domain/facts.ts'
import type { Breakers } from '../../domain/ports/breakers.ts'
import type { OperatorEvents } from '../../domain/ports/operator-events.ts'
import { BreakerState } from '../../domain/types.ts'
import { Circuit } from './circuit.ts'
import { type CircuitRules, usualRules } from './circuit-rules.ts'

/** Callers make up names of models: of one provider no more than these are remembered. */
const MAX_MODELS = 1_000

type BreakerEvents = Pick<OperatorEvents, 'breakerChanged'>

/** The circuits of all targets. */
export class Circuits implements Breakers {
  readonly #clock: Clock
  readonly #rules: CircuitRules
  /** By provider, then by model. */
  readonly #providers = new Map<string, Map<string, Circuit>>()
  readonly #events: BreakerEvents | undefined

  constructor(clock: Clock, rules: Partial<CircuitRules> = {}, events?: BreakerEvents) {
    this.#clock = clock
    this.#rules = { ...usualRules, ...rules }
    this.#events = events
  }

  /** The same circuit for the same target. */
  of({ provider, model }: Target): Circuit {
    return this.#providers.get(provider.name)?.get(model) ?? this.#make(provider.name, model)
  }

  stateOf(provider: string, model?: string): BreakerState {
    const circuits = this.#providers.get(provider)
    if (model !== undefined) return circuits?.get(model)?.state ?? BreakerState.CLOSED
    let worst = BreakerState.CLOSED
    for (const { state } of circuits?.values() ?? []) worst = Math.max(worst, state)
    return worst
  }

  #make(provider: string, model: string): Circuit {
    let circuits = this.#providers.get(provider)
    if (!circuits) {
      circuits = new Map()
      this.#providers.set(provider, circuits)
    }
    if (circuits.size >= MAX_MODELS) forgetOne(circuits)
    const circuit = new Circuit(
      this.#rules,
      () => this.#clock.now(),
      (state, coolDown) => this.#events?.breakerChanged({ provider, model, state, coolDown }),
    )
    circuits.set(model, circuit)
    return circuit
  }
}

/** The oldest that is closed: of an open one it must be known. */
function forgetOne(circuits: Map<string, Circuit>): void {
  for (const [model, { state }] of circuits) {
    if (state !== BreakerState.CLOSED) continue
    circuits.delete(model)
    return
  }
  const [oldest] = circuits.keys()
  if (oldest !== undefined) circuits.delete(oldest)
}
