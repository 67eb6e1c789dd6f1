import type { CostGrouping } from '../../../../domain/ports/money/ledger-queries.ts'
import { CostGroup } from '../../../../domain/types.ts'
import { dayReader } from '../ingest/roll-ups.ts'
import { labelsOf } from '../sql/charge-table.ts'
import type { SqlRow } from '../sql/sql.ts'
import type { Period } from './periods.ts'

const HOUR = 3_600_000
const QUARTER = 900_000

type Source = Period['source'] | 'hits'

/** How a group is read from one source. */
interface KeySource {
  readonly sql: string
  /** The key of a value. */
  read(value: unknown): string
}

/** Expressions to group by, and the keys of a row. */
export interface GroupKeys {
  readonly expressions: readonly string[]
  keysOf(row: SqlRow): string[]
}

export function groupKeys({ groups, labelKey, timeZone }: CostGrouping, source: Source): GroupKeys {
  const sources = groups.map((group) => keySource(group, source, { labelKey, timeZone }))
  return {
    expressions: sources.map(({ sql }) => sql),
    keysOf: (row) => sources.map(({ read }, index) => read(row[`g${index}`])),
  }
}

function keySource(
  group: CostGroup,
  source: Source,
  { labelKey, timeZone }: { readonly labelKey: string; readonly timeZone: string },
): KeySource {
  switch (group) {
    case CostGroup.PROVIDER:
      return column('provider')
    case CostGroup.MODEL:
      return column('model')
    case CostGroup.ALIAS:
      return column('alias')
    case CostGroup.CALLER:
      return column('caller')
    case CostGroup.USER:
      return column('user_id')
    case CostGroup.OPERATION:
      return column('operation')
    case CostGroup.SESSION:
      return source === 'hits' ? NONE : column('session_id')
    case CostGroup.LABEL:
      return source === 'hits' ? NONE : { sql: 'labels', read: (labels) => labelsOf(labels)[labelKey] ?? '' }
    case CostGroup.DAY:
      return dayKey(source, timeZone)
    case CostGroup.HOUR:
      return hourKey(source)
    case CostGroup.UNSPECIFIED:
      return NONE
    default:
      return group satisfies never
  }
}

const NONE: KeySource = { sql: "''", read: () => '' }

function column(name: string): KeySource {
  return { sql: name, read: String }
}

/** Days of another zone than the ledger's are put together from quarters of an hour. */
function dayKey(source: Source, timeZone: string): KeySource {
  if (source === 'days') return column('day')
  const dayOf = dayReader(timeZone)
  if (source === 'hours') return { sql: 'hour', read: (hour) => dayOf(Number(hour)) }
  return { sql: `time / ${QUARTER}`, read: (quarter) => dayOf(Number(quarter) * QUARTER) }
}

function hourKey(source: Source): KeySource {
  const text = (hour: number) => `${new Date(hour).toISOString().slice(0, 13)}:00:00Z`
  if (source === 'hours') return { sql: 'hour', read: (hour) => text(Number(hour)) }
  return { sql: `time / ${HOUR}`, read: (hour) => text(Number(hour) * HOUR) }
}
