/** Knows the state of the safety locks. */
export interface SafetyLockSource {
  states(): readonly LockState[]
}

/** Safety lock of one provider. */
export interface LockState {
  readonly provider: string
  /** Where its calls are sent while it is locked, as `provider/model`. */
  readonly target: string
  /** Whether it is rate limited with no key left, for one model at least. */
  readonly locked: boolean
  /** Number of calls sent there. */
  readonly diverted: number
}
