/** Where the ledger keeps its records. */
export interface LedgerSettings {
  /** `memory`: the records end with the process. */
  readonly store: 'memory'
}

/** Reads `ledger.url`; undefined for a store that this version does not have. */
export function readLedgerUrl(url: string): LedgerSettings | undefined {
  return url === 'memory' ? { store: 'memory' } : undefined
}
