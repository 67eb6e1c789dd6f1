import type { CallSummary } from '../../calls/call-summary.ts'

/** Records calls that have ended. */
export interface CallObserver {
  /** Called once per call, refused ones included. Must not throw. */
  callEnded(summary: CallSummary): void
}
