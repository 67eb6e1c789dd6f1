/** What is promised, and what was measured. */
export interface Figures {
  readonly promise: string
  readonly measured: string
  readonly holds: boolean
}

export interface Promised {
  readonly name: string
  /** `short`: fewer rounds, to see that the measurement works. */
  measure(short: boolean): Promise<readonly Figures[]>
}

/** The value below which this part of the values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** As in `p50 1.2, p99 4.0, longest 6.1 ms of 300`. */
export function spread(values: readonly number[]): string {
  const text = (part: number) => quantile(values, part).toFixed(1)
  return `p50 ${text(0.5)}, p99 ${text(0.99)}, longest ${text(1)} ms, of ${values.length}`
}

/** Does `work` this often, so many at a time. */
export async function times(count: number, parallel: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}
