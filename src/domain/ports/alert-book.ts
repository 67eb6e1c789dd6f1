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
