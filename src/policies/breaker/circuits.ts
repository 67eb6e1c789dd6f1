import type { Task } from '../../domain/calls/call.ts'
import type { Target } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'
import type { Breakers } from '../../domain/ports/breakers.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import { BreakerState } from '../../domain/types.ts'
import { Circuit } from './circuit.ts'
import { type CircuitRules, usualRules } from './circuit-rules.ts'

/** Limit for the circuits of one provider and task. It is needed because callers can send any model name. */
const MAX_MODELS = 1_000

type BreakerEvents = Pick<OperatorEvents, 'breakerChanged'>
type ByModel = Map<string, Circuit>

/** Holds one circuit for each target and task. */
export class Circuits implements Breakers {
  readonly #clock: Clock
  readonly #rules: CircuitRules
  readonly #providers = new Map<string, Readonly<Record<Task, ByModel>>>()
  readonly #events: BreakerEvents | undefined

  constructor(clock: Clock, rules: Partial<CircuitRules> = {}, events?: BreakerEvents) {
    this.#clock = clock
    this.#rules = { ...usualRules, ...rules }
    this.#events = events
  }

  /** Returns the circuit of a target and task; creates it if there is none yet. */
  of({ provider, model }: Target, task: Task): Circuit {
    return this.#providers.get(provider.name)?.[task].get(model) ?? this.#make(provider.name, model, task)
  }

  stateOf(provider: string, model?: string): BreakerState {
    const tasks = this.#providers.get(provider)
    if (!tasks) return BreakerState.CLOSED
    let worst = BreakerState.CLOSED
    for (const circuits of Object.values(tasks)) {
      if (model !== undefined) worst = Math.max(worst, circuits.get(model)?.state ?? BreakerState.CLOSED)
      else for (const { state } of circuits.values()) worst = Math.max(worst, state)
    }
    return worst
  }

  #make(provider: string, model: string, task: Task): Circuit {
    let tasks = this.#providers.get(provider)
    if (!tasks) {
      tasks = { chat: new Map(), complete: new Map(), embed: new Map() }
      this.#providers.set(provider, tasks)
    }
    const circuits = tasks[task]
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

/** Removes the oldest closed circuit, or the oldest of all if none is closed. */
function forgetOne(circuits: ByModel): void {
  for (const [model, { state }] of circuits) {
    if (state !== BreakerState.CLOSED) continue
    circuits.delete(model)
    return
  }
  const [oldest] = circuits.keys()
  if (oldest !== undefined) circuits.delete(oldest)
}
