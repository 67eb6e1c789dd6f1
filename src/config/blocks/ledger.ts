import { dirname, join, resolve } from 'node:path'
import {
  DATABASE_FILE,
  defaultLedgerSettings as defaults,
  type LedgerSettings,
  type LedgerStore,
  unwritableFolder,
} from '../../stores/ledger/settings.ts'
import type { EnvironmentSettings } from '../env/env.ts'
import type { FileSettings } from '../file/schema.ts'
import type { Findings } from '../findings.ts'

type LedgerEntry = NonNullable<FileSettings['ledger']>

export interface LedgerSources {
  readonly env: EnvironmentSettings
  readonly findings: Findings
  /** Whether there are budgets, which need a ledger. */
  readonly hasBudgets: boolean
  /** Whether one of them refuses calls, so that no call may go unrecorded. */
  readonly hasRefusingBudget: boolean
  /** Absolute form of a path in the file. */
  resolvePath(path: string): string
  /** Code of the system's error if files cannot be written in a folder. */
  checkFolder(path: string): string | undefined
}

/** The ledger that the file or the environment asks for; undefined when costs are not recorded. */
export function ledgerOf(file: LedgerEntry | undefined, sources: LedgerSources): LedgerSettings | undefined {
  const { env, findings, hasBudgets, hasRefusingBudget } = sources
  if (!(file || env.ledgerUrl || env.costTracking?.value || hasBudgets)) return undefined
  const { store, folder } = placeOf(file, sources)
  const journal = file?.journal === undefined ? join(folder, 'journal') : sources.resolvePath(file.journal)
  if (store.kind === 'memory') {
    findings.notice('The ledger is in memory: its records end with the process.')
  } else {
    checkFolder(journal, file?.journal === undefined ? 'ledger.folder' : 'ledger.journal', sources)
    if (store.kind === 'sqlite') checkFolder(dirname(store.path), 'ledger.url', sources)
  }
  return { ...defaults, onTrouble: hasRefusingBudget ? 'refuse' : 'allow', ...written(file ?? {}, env), store, journal }
}

/** The settings that are written. */
function written(file: LedgerEntry, env: EnvironmentSettings): Partial<LedgerSettings> {
  const settings = {
    timeZone: file.time_zone ?? env.ledgerTimeZone?.value,
    hits: file.hits,
    keep: file.keep ?? env.ledgerKeep?.value,
    durability: file.durability,
    writeTimeout: file.write_timeout,
    onTrouble: file.on_trouble,
    journalMax: file.journal_max,
    unknown: file.unknown,
  }
  // What is left has a value of its setting's type.
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as never
}

/** The store, and the folder of what belongs to it: the one that is configured, else that of the database file. */
function placeOf(
  file: LedgerEntry | undefined,
  { env, resolvePath }: LedgerSources,
): { store: LedgerStore; folder: string } {
  const named =
    file?.folder === undefined ? env.ledgerFolder && resolve(env.ledgerFolder.value) : resolvePath(file.folder)
  const store = file?.url ? withPath(file.url, resolvePath) : env.ledgerUrl && withPath(env.ledgerUrl.value, resolve)
  const folder = named ?? (store?.kind === 'sqlite' ? dirname(store.path) : resolvePath('data'))
  return { store: store ?? { kind: 'sqlite', path: join(folder, DATABASE_FILE) }, folder }
}

function withPath(store: LedgerStore, resolvePath: (path: string) => string): LedgerStore {
  return store.kind === 'sqlite' ? { ...store, path: resolvePath(store.path) } : store
}

function checkFolder(path: string, setting: string, { checkFolder, findings }: LedgerSources): void {
  const code = checkFolder(path)
  if (code !== undefined) findings.problem(setting, unwritableFolder(path, code))
}
