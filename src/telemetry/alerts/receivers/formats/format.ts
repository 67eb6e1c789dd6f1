import type { Notice } from '../../alert.ts'
import type { WebhookSettings } from '../../settings.ts'

/** How one kind of server wants alerts. */
export interface Format {
  /** Default: it is not informed when what an alert reported is over. */
  readonly takesResolved?: boolean
  /** Default: it gets each alert once. */
  readonly needsRepeats?: boolean
  /** `now`: wall time in ms. */
  requestOf(notice: Notice, settings: WebhookSettings, now: number): FormattedRequest
}

export interface FormattedRequest {
  /** JSON. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}
