/** Share of the calls under way that may be retries. */
const SHARE = 0.2
/** Retries that are allowed in any case: a quiet gateway has few calls to take a share of. */
const LEAST = 3

/** Keeps the retries of many calls from becoming a load of their own. */
export class RetryBudget {
  /** Calls that have no first event yet, retries included. */
  calls = 0
  /** Those that wait for a retry or are being retried. */
  retries = 0

  get isSpent(): boolean {
    return this.retries >= Math.max(LEAST, this.calls * SHARE)
  }
}
