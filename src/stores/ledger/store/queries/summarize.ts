import type { Clock } from '../../../../domain/clock.ts'
import type { CostGrouping, CostSummary, UsageSelection } from '../../../../domain/ports/money/ledger-queries.ts'
import { UsageState } from '../../../../domain/types.ts'
import { SummaryBuilder } from '../../summary-builder.ts'
import { dayReader } from '../ingest/roll-ups.ts'
import { sumsOf, sumsOfCharges, sumsOfHits, sumsOfRollUps } from '../sql/roll-up-tables.ts'
import type { SqlDatabase } from '../sql/sql.ts'
import { between, type Condition, namesOf, recordConditions, where } from './conditions.ts'
import { type GroupKeys, groupKeys } from './groups.ts'
import { type Kept, type Period, periodsOf } from './periods.ts'
import { numbersOf } from './record-numbers.ts'

/** Longest time that records are summed, in ms. */
const MAX_TIME = 5_000
/** Records that are summed at once, between two looks at the clock. */
const CHUNK = 20_000n
/** Most rows that one query returns: those that cost most. */
const MAX_ROWS = 50_000

export interface Summarizing {
  readonly database: SqlDatabase
  readonly clock: Clock
  readonly kept: Kept
}

/** Sums what is selected. Throws INVALID_REQUEST when that cannot be done. */
export async function summarize(
  selection: UsageSelection,
  grouping: CostGrouping,
  summarizing: Summarizing,
): Promise<CostSummary> {
  const summary = new Summary(selection, grouping, summarizing)
  for (const period of periodsOf(selection, grouping, summarizing.kept)) await summary.add(period)
  const { rows, total, truncated } = summary.build()
  if (!summary.lacksRows) return { rows, total, truncated }
  const whole = await summarize(selection, { ...grouping, groups: [] }, summarizing)
  return { rows, total: whole.total, truncated: true }
}

/** Puts one summary together. */
class Summary {
  readonly #selection: UsageSelection
  readonly #grouping: CostGrouping
  readonly #summarizing: Summarizing
  readonly #builder: SummaryBuilder
  readonly #deadline: number
  /** Whether a query had too many rows to return. */
  lacksRows = false

  constructor(selection: UsageSelection, grouping: CostGrouping, summarizing: Summarizing) {
    this.#selection = selection
    this.#grouping = grouping
    this.#summarizing = summarizing
    this.#builder = new SummaryBuilder(grouping.groups.length > 0)
    this.#deadline = summarizing.clock.now() + MAX_TIME
  }

  build(): CostSummary {
    return this.#builder.build()
  }

  async add({ source, from, to }: Period): Promise<void> {
    const names = namesOf(this.#selection)
    if (source === 'records') {
      await this.#addRecords(from, to)
      if (this.#mayHaveHits())
        await this.#query('cache_hit', sumsOfHits, 'hits', [...between('time', from, to), ...names])
    } else if (source === 'hours') {
      await this.#query('rollup_hour', sumsOfRollUps, source, [...between('hour', from, to), ...names])
    } else {
      const dayOf = dayReader(this.#summarizing.kept.timeZone)
      const days = between(
        'day',
        from === undefined ? undefined : dayOf(from),
        to === undefined ? undefined : dayOf(to),
      )
      await this.#query('rollup_day', sumsOfRollUps, source, [...days, ...names])
    }
  }

  async #addRecords(from: number | undefined, to: number | undefined): Promise<void> {
    const { database, clock } = this.#summarizing
    const conditions = [
      ...between('time', from, to),
      ...namesOf(this.#selection),
      ...recordConditions(this.#selection, database.dialect),
    ]
    const { first, end } = await numbersOf(database, from, to)
    for (let next = first; next < end; next += CHUNK) {
      if (clock.now() > this.#deadline) return this.#builder.truncate()
      const last = next + CHUNK < end ? next + CHUNK : end
      await this.#query('charge', sumsOfCharges, 'records', [...between('seq', next, last), ...conditions])
    }
  }

  /** Cache hits without records have neither a session nor labels, and never fail. */
  #mayHaveHits(): boolean {
    const { sessionId, labels, states, failed } = this.#selection
    if (sessionId !== '' || failed || Object.keys(labels).length > 0) return false
    return states.length === 0 || states.includes(UsageState.CACHED)
  }

  async #query(
    table: string,
    sums: string,
    source: Period['source'] | 'hits',
    conditions: readonly Condition[],
  ): Promise<void> {
    const keys = groupKeys(this.#grouping, source)
    const { sql, values } = where(conditions)
    const rows = await this.#summarizing.database.query(`${selectSums(table, sums, keys, sql)}`, values)
    for (const row of rows) this.#builder.add(keys.keysOf(row), sumsOf(row))
    if (rows.length >= MAX_ROWS) this.lacksRows = true
  }
}

function selectSums(table: string, sums: string, { expressions }: GroupKeys, condition: string): string {
  if (expressions.length === 0) return `select ${sums} from ${table} ${condition}`
  const keys = expressions.map((sql, index) => `${sql} as g${index}`).join(', ')
  const numbers = expressions.map((_, index) => index + 1).join(', ')
  const order = sums.includes(' as cost') ? 'order by cost desc' : ''
  return `select ${keys}, ${sums} from ${table} ${condition} group by ${numbers} ${order} limit ${MAX_ROWS}`
}
