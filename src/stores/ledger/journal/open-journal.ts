import { mkdirSync } from 'node:fs'
import type { Clock } from '../../../domain/clock.ts'
import type { ComponentState } from '../../../domain/ports/operations/components.ts'
import type { LedgerSettings } from '../settings.ts'
import { type OwnedJournal, ownJournal } from './folder/folder-lock.ts'
import { isOnNetworkFileSystem } from './folder/network-file-system.ts'
import { SIGN_OF_LIFE_INTERVAL } from './folder/owner.ts'
import { sizeOfSegments } from './folder/segments.ts'
import { Journal } from './journal.ts'
import { JournalFile } from './journal-file.ts'
import { JournalWriter } from './journal-writer.ts'

const MIN_SEGMENT = 64 * 1024
const MAX_SEGMENT = 16 * 1024 * 1024
/** Segments that fit the journal at its largest: what is stored is deleted by whole segments. */
const SEGMENTS = 8

export interface JournalParts {
  readonly settings: LedgerSettings
  readonly clock: Clock
  /** Receives each change of whether the journal can be written. */
  readonly report: (state: ComponentState) => void
}

export interface OpenJournal {
  readonly journal: Journal
  readonly owned: OwnedJournal
  /** Gives the folder back. To be called when the journal is closed and nobody reads it any more. */
  release(): void
}

/** Takes a sub-folder of the journal's folder and begins a segment in it. Throws the system's error. */
export function openJournal({ settings, clock, report }: JournalParts): OpenJournal {
  mkdirSync(settings.journal, { recursive: true })
  const owned = ownJournal(settings.journal)
  const { folder, firstSegment } = owned
  const segmentBytes = Math.min(MAX_SEGMENT, Math.max(MIN_SEGMENT, settings.journalMax / SEGMENTS))
  const writer = new JournalWriter({
    file: new JournalFile({ folder, firstSegment, segmentBytes, durable: settings.durability === 'power' }),
    clock,
    settings,
    isRemote: isOnNetworkFileSystem(folder),
    measure: () => sizeOfSegments(folder),
    report,
  })
  const journal = new Journal(writer, clock, settings)
  const stop = signLife(owned, clock)
  return {
    journal,
    owned,
    release() {
      stop()
      owned.release()
    },
  }
}

function signLife(owned: OwnedJournal, clock: Clock): () => void {
  let stop = () => {}
  const later = () => {
    stop = clock.after(SIGN_OF_LIFE_INTERVAL, () => {
      owned.touch()
      later()
    })
  }
  later()
  return () => stop()
}
