import { execFileSync } from 'node:child_process'
import { close, constants, mkdtempSync, openSync, read, rmSync, write, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { systemClock } from '../../src/domain/clock.ts'
import { Journal } from '../../src/stores/ledger/journal/journal.ts'
import type { AppendFile } from '../../src/stores/ledger/journal/journal-file.ts'
import { JournalWriter } from '../../src/stores/ledger/journal/journal-writer.ts'
import { someCharge } from '../support/charges.ts'
import type { Figures } from './figures.ts'
import { until } from './streams.ts'

/** How long nothing can be written, in ms. */
const STALL = 4_000
const WRITE_TIMEOUT = 2_000
/** The most that the event loop may be late, in ms. */
const LATE = 50
const NANO = 1e6

/** A pipe that nobody reads from: once it is full, a write to it takes as long as the reader likes. */
class Pipe implements AppendFile {
  readonly #folder = mkdtempSync(join(tmpdir(), 'llm-gateway-pipe-'))
  readonly #file: number
  #isClosed = false

  constructor() {
    const path = join(this.#folder, 'pipe')
    execFileSync('mkfifo', [path])
    // Open for both, so that opening does not wait for a reader.
    this.#file = openSync(path, constants.O_RDWR)
  }

  writeNow(text: string): number {
    return writeSync(this.#file, text)
  }

  write(bytes: Uint8Array, written: (error: Error | null, bytes: number) => void): void {
    write(this.#file, bytes, written)
  }

  /** Reads on, until the pipe is closed. */
  empty(): void {
    const bytes = Buffer.alloc(1 << 16)
    read(this.#file, bytes, 0, bytes.length, null, (error) => {
      if (!error && !this.#isClosed) this.empty()
    })
  }

  close(): void {
    this.#isClosed = true
    // The read that waits for more ends with the last bytes.
    writeSync(this.#file, '\n')
    close(this.#file, () => {})
    rmSync(this.#folder, { recursive: true })
  }
}

/** A disk that does not answer: calls wait as long as they may, and the event loop does not. */
export async function stalledWrites(): Promise<Figures> {
  // The event loop of a busy machine is late whatever the disk does.
  const usual = await record(STALL, true)
  const stalled = await record(STALL, false)
  const milliseconds = (value: number) => `${Math.round(value)} ms`
  return {
    promise: `a write to the journal stalls for ${STALL / 1_000} s: no call waits longer than ledger.write_timeout, and the event loop is never late by ${LATE} ms because of it`,
    measured: `${stalled.calls} calls, the longest wait ${milliseconds(stalled.longest)}; loop late by ${milliseconds(stalled.late)} at most, and by ${milliseconds(usual.late)} with a disk that answers`,
    holds:
      stalled.late - usual.late <= LATE && stalled.longest <= WRITE_TIMEOUT + LATE + usual.late && !stalled.healthy,
  }
}

/** Records calls for `time` ms, in a pipe that somebody reads from or nobody. Times in ms. */
async function record(time: number, isRead: boolean) {
  const pipe = new Pipe()
  if (isRead) pipe.empty()
  let healthy = true
  const writer = new JournalWriter({
    file: pipe,
    clock: systemClock,
    settings: { writeTimeout: WRITE_TIMEOUT, onTrouble: 'allow', journalMax: 2 ** 30, durability: 'process' },
    isRemote: true,
    measure: async () => 0,
    report: (state) => {
      healthy = state.healthy
    },
  })
  const journal = new Journal(writer, systemClock, { hits: 'rollup' })
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  let longest = 0
  let calls = 0
  const timed = async (waits: readonly (void | Promise<void>)[]) => {
    const at = performance.now()
    await Promise.all(waits)
    longest = Math.max(longest, performance.now() - at)
  }
  for (const end = performance.now() + time; performance.now() < end; ) {
    const charges = Array.from({ length: 20 }, () => someCharge({ callId: String(calls++) }))
    await timed(charges.map((charge) => journal.begin(charge)))
    await timed(charges.map((charge) => journal.settle(charge)))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  delay.disable()
  const result = { calls, longest, late: delay.max / NANO, healthy }
  if (!isRead) pipe.empty()
  await until('a journal that can be written again', () => healthy)
  await journal.close()
  return result
}
