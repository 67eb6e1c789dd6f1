/** Where the ledger keeps its records. */
export type LedgerStore =
  /** The records end with the process. */
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  /** `url` may hold a password: it is never printed. */
  | { readonly kind: 'postgres'; readonly url: string }

export const hitRecords = ['rollup', 'rows'] as const
export const durabilities = ['process', 'power'] as const
export const troubleActions = ['refuse', 'allow'] as const
export const unknownCharges = ['charge', 'release'] as const

/** How the ledger is kept. Times in ms, paths absolute. */
export interface LedgerSettings {
  readonly store: LedgerStore
  /** Folder of the journal, which is written first; the store is filled from it. */
  readonly journal: string
  /** IANA zone of the days that costs are summed by. */
  readonly timeZone: string
  /** Whether cache hits are summed by the second, or each has a row of its own. */
  readonly hits: (typeof hitRecords)[number]
  /** How long records are kept; sums stay. */
  readonly keep: number
  /** What records survive: the end of the process, or a power failure as well. */
  readonly durability: (typeof durabilities)[number]
  /** Longest time that a call waits for the journal. */
  readonly writeTimeout: number
  /** Whether calls are refused, or are made without a record, while the journal cannot be written. */
  readonly onTrouble: (typeof troubleActions)[number]
  /** Bytes that the journal may take while the store cannot be filled. */
  readonly journalMax: number
  /** Whether an attempt whose outcome never becomes known is charged its estimate, or nothing. */
  readonly unknown: (typeof unknownCharges)[number]
}

const DAY = 24 * 3_600_000

export const defaultLedgerSettings = {
  timeZone: 'UTC',
  hits: 'rollup',
  keep: 90 * DAY,
  durability: 'process',
  writeTimeout: 2_000,
  journalMax: 2 ** 30,
  unknown: 'charge',
} as const satisfies Partial<LedgerSettings>

/** Database file of the embedded store, in the folder of the ledger. */
export const DATABASE_FILE = 'ledger.sqlite'

/** What to do about a folder that cannot be written; `code` is that of the system's error. */
export function unwritableFolder(path: string, code: string): string {
  return (
    `the ledger cannot write in ${path} (${code}): mount a volume there that the gateway may write to, name another ` +
    'folder in ledger.folder or LLM_GATEWAY_LEDGER_FOLDER, or write "ledger: { url: memory }", which loses its records ' +
    'at every restart'
  )
}

/** Reads `ledger.url`; undefined if it names no store. The path of a file is as written. */
export function readLedgerUrl(url: string): LedgerStore | undefined {
  if (url === 'memory') return { kind: 'memory' }
  const [, path] = /^sqlite:(?:\/\/(?=\/))?([^:?#][^?#]*[^/?#]|[^:/?#])$/.exec(url) ?? []
  if (path !== undefined) return { kind: 'sqlite', path }
  return /^postgres(ql)?:\/\//.test(url) && URL.canParse(url) ? { kind: 'postgres', url } : undefined
}
