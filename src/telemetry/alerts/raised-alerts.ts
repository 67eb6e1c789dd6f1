import type { Alert } from './alert.ts'

/** An alert that this process has raised, and how long it is not raised again. */
export interface RaisedAlert {
  readonly identity: string
  readonly alert: Alert
  /** Whether it holds until it is cleared. */
  readonly isState: boolean
  /** When the same alert may be raised again, wall time in ms. */
  expiresAt: number
  /** Since when what it reports is over, wall time in ms; undefined while it holds. */
  clearedAt: number | undefined
  /** Names of the receivers to which this process sends it. */
  readonly owned: Set<string>
}

export function raisedAlert(identity: string, alert: Alert, expiresAt: number, isState = false): RaisedAlert {
  return { identity, alert, isState, expiresAt, clearedAt: undefined, owned: new Set() }
}

/** Alerts that are remembered. */
const MAX_REMEMBERED = 10_000
/** Alerts that are watched until they are over. */
const MAX_LASTING = 1_000

/** What this process has raised: an event that occurs again, for every call perhaps, is found here and costs no more. */
export class RaisedAlerts {
  readonly #all = new Map<string, RaisedAlert>()
  readonly #lasting = new Set<RaisedAlert>()

  find(identity: string, now: number): RaisedAlert | undefined {
    const raised = this.#all.get(identity)
    return raised && raised.expiresAt > now ? raised : undefined
  }

  /** Alerts that have not ended. */
  lasting(): readonly RaisedAlert[] {
    return [...this.#lasting]
  }

  /** `lasts`: whether somebody may have to be informed when it ends. */
  add(raised: RaisedAlert, lasts: boolean): void {
    this.#forget(raised.identity)
    const [oldest] = this.#all.keys()
    if (oldest !== undefined && this.#all.size >= MAX_REMEMBERED) this.#forget(oldest)
    this.#all.set(raised.identity, raised)
    if (lasts && this.#lasting.size < MAX_LASTING) this.#lasting.add(raised)
  }

  /** What it reports is over. A state may be raised again. */
  end(raised: RaisedAlert): void {
    this.#lasting.delete(raised)
    if (raised.isState) this.#all.delete(raised.identity)
  }

  #forget(identity: string): void {
    const raised = this.#all.get(identity)
    if (!raised) return
    this.#lasting.delete(raised)
    this.#all.delete(identity)
  }
}
