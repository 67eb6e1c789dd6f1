/** Health of a part that calls can do without. */
export interface ComponentState {
  readonly name: string
  readonly healthy: boolean
  /** Why it is not healthy; empty when it is. */
  readonly message: string
}
