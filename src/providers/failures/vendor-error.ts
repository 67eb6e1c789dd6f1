/** A vendor's error, in its own words. They are read, and never shown to a caller but for `code`. */
export interface VendorError {
  /** Its HTTP-like status, where the body names one. */
  readonly status?: number
  readonly type?: string
  readonly code?: string
  readonly message?: string
  /** The field that it complains of. */
  readonly param?: string
  /** How long it asks to wait, in ms. */
  readonly retryAfter?: number
  /** Whether it is the error of another vendor, which this one only passes on. */
  readonly relayed?: boolean
}
