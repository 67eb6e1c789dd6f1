/** What a budget spent in one of its windows. Money in nano-dollars. */
export interface BudgetSpent {
  readonly budget: string
  /** Whom the budget is for: empty for a global or shared one. */
  readonly subject: string
  /** Start of the window, wall time in ms. */
  readonly windowStart: number
  /** Sum of the charges' shares. */
  readonly nano: bigint
  /** What operators added to the limit of this window. */
  readonly adjusted: bigint
}

/**
 * What budgets spent, kept in the ledger's database. What a charge adds is in its `shares`, and is written in the same
 * transaction as its record. All methods reject with LEDGER_UNAVAILABLE while the database cannot be used.
 */
export interface BudgetBook {
  /**
   * Sums of the windows that began at `since` (wall time in ms) or later. They contain every charge that this gateway,
   * or an ended one on the same folder, wrote to its journal before the call.
   */
  spentBudgets(since: number): Promise<readonly BudgetSpent[]>
  /** Adds to the limit of one window; `add` in nano-dollars may be negative. Resolves to the sum of all additions. */
  adjustBudget(window: BudgetWindow, add: bigint): Promise<bigint>
}

export type BudgetWindow = Pick<BudgetSpent, 'budget' | 'subject' | 'windowStart'>

/** An alert that one of the gateways that share a store sends to one receiver. */
export interface ClaimedAlert {
  /** Identifies the receiver, event, subject, window and threshold; at most 100 characters. */
  readonly key: string
  /** Id that receivers see; the same when the alert is sent again after a crash. */
  readonly id: string
  /** What is sent, as JSON. */
  readonly body: string
  /** From then on the key is free again, wall time in ms. */
  readonly expiresAt: number
}

/**
 * Which alerts were sent, kept where all gateways that share a store can see it. All methods reject while the store
 * cannot be used.
 */
export interface AlertBook {
  /** Stores an alert as pending. Resolves to whether its key was free: if it was not, another gateway sends it. */
  claimAlert(alert: ClaimedAlert): Promise<boolean>
  /** The alerts of these keys are still being sent: `takePendingAlerts` counts their age from now on. */
  keepAlerts(keys: readonly string[]): Promise<void>
  /** A pending alert was sent. Its key stays claimed. */
  markAlertSent(key: string): Promise<void>
  /** Changes when the key is free again, wall time in ms. A time that is past frees it, and the alert is not sent. */
  expireAlert(key: string, at: number): Promise<void>
  /**
   * Takes over up to 100 alerts that have been pending for more than `age` ms, because the gateway that claimed them
   * ended. Each is given to one gateway only, which counts as its new claim.
   */
  takePendingAlerts(age: number): Promise<readonly ClaimedAlert[]>
}

/** An admin call that has ended. */
export interface AuditRow {
  /** When it ended, wall time in ms. */
  readonly time: number
  readonly callId: string
  readonly caller: string
  /** Address of the client. */
  readonly peer: string
  /** The RPC, such as `TestAlert`. */
  readonly method: string
  /** What it acted on, such as the name of a budget; without secrets. */
  readonly subject: string
  /** Empty for a success. */
  readonly reason: string
}

/** Keeps who did what as an admin. */
export interface AuditTrail {
  /** Stores a row soon, after retries when the database cannot be used. Up to 10,000 rows wait in memory. */
  audit(row: AuditRow): void
}
