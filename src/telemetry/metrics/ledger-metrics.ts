import { instruments } from './instruments.ts'
import type { Metrics } from './metrics.ts'

interface ObservedLedger {
  readonly pendingBytes: number
  /** In ms. */
  readonly lag: number
  readonly records: number
  readonly skippedLines: number
  readonly lost: number
}

/** `counts` is undefined for a ledger in memory. */
export function observeLedger(metrics: Metrics, isUp: () => boolean, counts: () => ObservedLedger | undefined): void {
  metrics.observe(instruments.ledgerUp, {}, () => (isUp() ? 1 : 0))
  if (!counts()) return
  metrics.observe(instruments.ledgerPending, {}, () => counts()?.pendingBytes ?? 0)
  metrics.observe(instruments.ledgerLag, {}, () => (counts()?.lag ?? 0) / 1000)
  metrics.observe(instruments.ledgerRecords, {}, () => counts()?.records ?? 0)
  metrics.observe(instruments.ledgerSkipped, {}, () => counts()?.skippedLines ?? 0)
  metrics.observe(instruments.ledgerLost, {}, () => counts()?.lost ?? 0)
}
