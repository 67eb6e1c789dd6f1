import type { BreakerState } from '../types.ts'

/** Knows which targets are passed over because they keep failing. */
export interface Breakers {
  /** State of a provider's model, or the worst state among all its models. */
  stateOf(provider: string, model?: string): BreakerState
}

export interface BreakerChange {
  readonly provider: string
  readonly model: string
  readonly state: BreakerState
  /** How long calls are refused until a probe may be sent, in ms; 0 unless it has opened. */
  readonly coolDown: number
}
