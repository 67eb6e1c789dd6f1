import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/domain/clock.ts'
import { openJournal } from '../../src/stores/ledger/journal/open-journal.ts'
import { defaultLedgerSettings, type LedgerSettings } from '../../src/stores/ledger/settings.ts'
import type { StoredLedger } from '../../src/stores/ledger/store/stored-ledger.ts'
import { openStoredLedger } from '../../src/stores/ledger/store/threads/open-stored-ledger.ts'

/** A journal and the database that is filled from it, as in a gateway. */
export interface TestLedger extends AsyncDisposable {
  readonly folder: string
  readonly journal: ReturnType<typeof openJournal>['journal']
  readonly store: StoredLedger
  /** What operators heard of the database. */
  readonly troubles: string[]
  readonly skipped: string[]
  /** Ends the threads as a crash of the process would; the journal stays. */
  crash(): Promise<void>
  /** Ends in good order. Resolves to the lines that are left. */
  close(): Promise<number>
}

export interface TestLedgerOptions extends Partial<LedgerSettings> {
  /** Default: a new one, which is removed at the end. */
  readonly folder?: string
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'llm-gateway-ledger-'))
}

export async function openLedger({ folder = newFolder(), ...changes }: TestLedgerOptions = {}): Promise<TestLedger> {
  const settings: LedgerSettings = {
    ...defaultLedgerSettings,
    onTrouble: 'allow',
    store: { kind: 'sqlite', path: join(folder, 'ledger.sqlite') },
    journal: join(folder, 'journal'),
    ...changes,
  }
  const troubles: string[] = []
  const skipped: string[] = []
  const { journal, owned, release } = openJournal({ settings, clock: systemClock, report: () => {} })
  const store = await openStoredLedger({
    settings,
    clock: systemClock,
    journal: { folder: owned.folder, id: owned.id, firstLive: owned.firstSegment },
    events: {
      troubleChanged: (trouble) => void troubles.push(trouble),
      skipped: (what) => void skipped.push(what),
      sweeping() {},
    },
  })
  let hasEnded = false
  const crash = async () => {
    if (hasEnded) return
    hasEnded = true
    await store.close()
    await journal.close()
    release()
  }
  return {
    folder,
    journal,
    store,
    troubles,
    skipped,
    crash,
    async close() {
      hasEnded = true
      await journal.close()
      const left = await store.drain(10_000)
      await store.close()
      release()
      return left
    },
    async [Symbol.asyncDispose]() {
      await crash()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
