import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../../domain/clock.ts'
import type { OperatorEvents } from '../../domain/ports/operations/operator-events.ts'
import { readPriceFile } from './price-file.ts'
import type { PriceTable } from './price-table.ts'

/** Time between two looks at the file, in ms. */
const INTERVAL = 15_000

export interface PriceFileWatch {
  readonly path: string
  readonly prices: Pick<PriceTable, 'reload'>
  /** Version of the content that is in use. */
  readonly version: string
  readonly clock: Clock
  readonly events: Pick<OperatorEvents, 'pricesRead'>
}

/** Reads the operator's prices again when their file has changed; what cannot be used is reported. Returns how to stop. */
export function watchPriceFile({ path, prices, version: first, clock, events }: PriceFileWatch): () => void {
  let seen: string | undefined
  let version = first
  let stopped = false
  let stopTimer = clock.after(INTERVAL, () => void look())

  async function look(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      const state = `${mtimeMs} ${size} ${ino}`
      if (state !== seen) read(await readFile(path, 'utf8'))
      seen = state
    } catch (error) {
      report(error)
    }
    if (!stopped) stopTimer = clock.after(INTERVAL, () => void look())
  }

  function read(text: string): void {
    const file = readPriceFile(text)
    if (file.version === version) return
    version = file.version
    prices.reload(file)
    events.pricesRead(path, '')
  }

  /** Once for each state of the file. */
  function report(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error)
    if (seen !== problem) events.pricesRead(path, problem)
    seen = problem
  }

  return () => {
    stopped = true
    stopTimer()
  }
}
