/** How many of a provider's attempts fail. */
export interface ErrorRate {
  readonly provider: string
  /** Whether the share of failed attempts is at or above the configured one. */
  readonly exceeded: boolean
  /** Attempts that ended within the window. */
  readonly attempts: number
  /** Those of them that failed through the provider's fault. */
  readonly errors: number
  /** In ms. */
  readonly window: number
}
