/** The share of the calls under way that may be retries ... */
const SHARE = 0.2
/** ... and how many may be in any case: a quiet gateway has few calls to take a share of. */
const LEAST = 3

/** Keeps the retries of many calls from becoming a load of their own. */
export class RetryBudget {
  /** Under way, retries included: up to their first event, for what comes after is never asked for again. */
  calls = 0
  /** Of these, waiting for their second attempt or making it. */
  retries = 0

  get isSpent(): boolean {
    return this.retries >= Math.max(LEAST, this.calls * SHARE)
  }
}
