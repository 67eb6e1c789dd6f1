/** What one receiver of alerts said to a test. */
export interface AlertTestResult {
  readonly receiver: string
  readonly ok: boolean
  /** The reply, or why there is none. */
  readonly message: string
}

/** Sends test alerts. */
export interface AlertTest {
  /** Sends a test to every receiver, and resolves once each of them has answered or failed. Never rejects. */
  test(): Promise<readonly AlertTestResult[]>
}
