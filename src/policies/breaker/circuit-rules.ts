/** What opens a circuit, and for how long. Durations in ms. */
export interface CircuitRules {
  /** Only calls within this time are counted. */
  readonly window: number
  /** With fewer calls in the window nothing is decided. */
  readonly minCalls: number
  /** Opens when at least this share of the calls failed or was slow. */
  readonly ratio: number
  /** Where one caller alone sees failures that requests can cause: this many different requests must have failed. */
  readonly minRequests: number
  /** Callers whose failures are remembered at once. */
  readonly maxCallers: number
  /** A streamed call that takes longer to its first event is slow. */
  readonly slow: number
  /** How long calls are refused at first; doubled each time a probe fails. */
  readonly coolDown: number
  readonly maxCoolDown: number
}

export const usualRules: CircuitRules = {
  window: 30_000,
  minCalls: 20,
  ratio: 0.5,
  minRequests: 5,
  maxCallers: 64,
  slow: 60_000,
  coolDown: 5_000,
  maxCoolDown: 60_000,
}
