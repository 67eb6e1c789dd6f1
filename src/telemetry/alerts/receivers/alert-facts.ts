import type { Alert } from '../alert.ts'

const percent = (value: string | number) => `${Math.round(Number(value) * 10_000) / 100} %`
const asWritten = (value: string | number) => String(value)

/** How facts are shown to people; those that are not listed are not. */
const shown: Readonly<Record<string, readonly [label: string, text: (value: string | number) => string]>> = {
  budget: ['Budget', asWritten],
  scope: ['Scope', asWritten],
  subject: ['Subject', asWritten],
  window: ['Window', asWritten],
  threshold: ['Threshold', percent],
  spent_usd: ['Spent', (value) => usdText(Number(value))],
  limit_usd: ['Limit', (value) => usdText(Number(value))],
  resets_at: ['Resets at', asWritten],
  error_rate: ['Error rate', percent],
  calls: ['Attempts', asWritten],
  errors: ['Failed', asWritten],
  key_id: ['Key', asWritten],
  reason: ['Reason', asWritten],
  message: ['Message', asWritten],
}

/** The facts of an alert for people, as names and values. */
export function factsOf({ data }: Alert): readonly (readonly [name: string, value: string])[] {
  return Object.entries(data).flatMap(([name, value]) => {
    const entry = shown[name]
    if (!entry || value === null || value === '') return []
    const [label, text] = entry
    return [[label, text(value)] as const]
  })
}

/** Cents, or as many digits as a small amount needs. */
export function usdText(usd: number): string {
  return `$${usd === 0 || Math.abs(usd) >= 1 ? usd.toFixed(2) : String(Number(usd.toPrecision(3)))}`
}
