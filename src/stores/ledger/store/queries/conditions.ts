import type { UsageSelection } from '../../../../domain/ports/money/ledger-queries.ts'
import { storable } from '../sql/charge-table.ts'
import type { Dialect, SqlValue } from '../sql/sql.ts'

/** Part of a `where` clause. */
export interface Condition {
  readonly sql: string
  readonly values: readonly SqlValue[]
}

export function where(conditions: readonly Condition[]): Condition {
  if (conditions.length === 0) return { sql: '', values: [] }
  return {
    sql: `where ${conditions.map(({ sql }) => sql).join(' and ')}`,
    values: conditions.flatMap(({ values }) => values),
  }
}

/** Wall times from `from` until before `to`, in a column. */
export function between<T extends SqlValue>(column: string, from: T | undefined, to: T | undefined): Condition[] {
  return [
    ...(from === undefined ? [] : [{ sql: `${column} >= ?`, values: [from] }]),
    ...(to === undefined ? [] : [{ sql: `${column} < ?`, values: [to] }]),
  ]
}

/** What roll-ups can be filtered by as well as records; `user_id` is in all but those by the hour. */
export function namesOf(selection: UsageSelection): Condition[] {
  const names = [
    ['provider', selection.provider],
    ['model', selection.model],
    ['alias', selection.alias],
    ['caller', selection.caller],
    ['user_id', selection.userId],
    ['operation', selection.operation],
  ] as const
  const conditions = names.filter(([, value]) => value !== '').map(([column, value]) => equals(column, value))
  // The index by user has no records without one, and is used only where that is said.
  if (selection.userId !== '') conditions.push({ sql: "user_id <> ''", values: [] })
  return selection.onlyCaller === undefined ? conditions : [...conditions, equals('caller', selection.onlyCaller)]
}

/** What only records can be filtered by. */
export function recordConditions(selection: UsageSelection, { hasLabel }: Dialect): Condition[] {
  const { sessionId, labels, states, failed, finalOnly } = selection
  return [
    ...(sessionId === '' ? [] : [equals('session_id', sessionId)]),
    ...Object.entries(labels).map(([key, value]) => ({ sql: hasLabel, values: [storable(key), storable(value)] })),
    ...(states.length === 0 ? [] : [{ sql: `state in (${states.map(Number).join(', ')})`, values: [] }]),
    ...(failed ? [{ sql: 'coalesce(call_code, code) <> 0', values: [] }] : []),
    ...(finalOnly ? [{ sql: 'call_code is not null', values: [] }] : []),
  ]
}

function equals(column: string, value: string): Condition {
  return { sql: `${column} = ?`, values: [storable(value)] }
}
