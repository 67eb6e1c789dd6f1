import { createHash } from 'node:crypto'
import type { AlertEvent } from './settings.ts'

export type Severity = 'critical' | 'warning' | 'info'

/** Facts of an alert by name, in snake_case; null where there is none. */
export type AlertData = Readonly<Record<string, string | number | null>>

/** An alert as all receivers get it. It contains neither prompts nor keys. JSON keeps it complete. */
export interface Alert {
  /** Stays the same when the alert is sent again. */
  readonly id: string
  readonly event: AlertEvent | 'test'
  readonly severity: Severity
  /** When it was raised, wall time in ms. */
  readonly time: number
  /** What it is about: a budget's subject, a provider, a target or a component. */
  readonly subject: string
  /** One line for people. */
  readonly summary: string
  readonly data: AlertData
  /** When what it reports is over by itself, wall time in ms; undefined when that is not known. */
  readonly endsAt?: number
}

/** An alert, or the news that what it reported is over. */
export interface Notice {
  readonly alert: Alert
  /** Wall time in ms; undefined while the alert holds. */
  readonly resolvedAt?: number
}

/** What an alert is made of once its id is known. */
export type AlertFacts = Omit<Alert, 'id' | 'time'>

/** The id of what `identity` describes: the same in every gateway. */
export function alertId(...identity: readonly (string | number)[]): string {
  return `alert_${digest(identity)}`
}

/** The key under which one receiver's alert is claimed. */
export function claimKey(identity: string, receiver: string): string {
  return digest([identity, receiver])
}

function digest(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 32)
}
