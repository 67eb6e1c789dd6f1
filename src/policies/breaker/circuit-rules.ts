/** What opens a circuit, and for how long. Durations in ms. */
export interface CircuitRules {
  /** Of which calls are counted. */
  readonly window: number
  /** With fewer calls than these in the window nothing is decided. */
  readonly leastCalls: number
  /** Opens when at least this share of the calls failed or was slow. */
  readonly ratio: number
  /** A streamed call that takes longer to its first event is slow. */
  readonly slow: number
  /** How long calls are refused at first; doubled each time a probe fails. */
  readonly coolDown: number
  readonly longestCoolDown: number
  /** How long calls for a model that the vendor does not have are refused. */
  readonly missing: number
}

export const usualRules: CircuitRules = {
  window: 30_000,
  leastCalls: 20,
  ratio: 0.5,
  slow: 60_000,
  coolDown: 5_000,
  longestCoolDown: 60_000,
  missing: 60_000,
}
