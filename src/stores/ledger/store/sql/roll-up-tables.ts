import type { Sums } from '../../sums.ts'
import type { BudgetSums, DaySums, HourSums } from '../ingest/roll-ups.ts'
import type { Column, Insertion, SqlRow, SqlValue } from './sql.ts'

const sumNames = {
  calls: 'calls',
  errors: 'errors',
  cachedCalls: 'cached_calls',
  unpricedCalls: 'unpriced_calls',
  input: 'input',
  output: 'output',
  cachedInput: 'cached_input',
  cacheWrite: 'cache_write',
  reasoning: 'reasoning',
  cost: 'cost',
  saved: 'saved',
} as const satisfies Record<keyof Sums, string>

// The keys of an object literal.
const sumKeys = Object.keys(sumNames) as (keyof Sums)[]
const sumColumns = Object.values(sumNames)

export const dayInsertion = rollUp(
  'rollup_day',
  ['day', 'caller', 'user_id', 'provider', 'model', 'alias', 'operation'],
  [],
  sumColumns,
)

export const hourInsertion = rollUp(
  'rollup_hour',
  ['hour', 'caller', 'provider', 'model', 'alias', 'operation', 'status'],
  ['hour', 'status'],
  ['records', ...sumColumns],
)

export const hitInsertion = rollUp(
  'cache_hit',
  ['time', 'caller', 'user_id', 'provider', 'model', 'alias', 'operation'],
  ['time'],
  ['hits', 'saved'],
)

export const budgetInsertion = rollUp(
  'budget_spent',
  ['budget', 'subject', 'window_start'],
  ['window_start'],
  ['nano', 'adjusted_nano'],
)

export function dayValues({ day, caller, userId, provider, model, alias, operation, sums }: DaySums): SqlValue[] {
  return [day, caller, userId, provider, model, alias, operation, ...sumKeys.map((key) => sums[key])]
}

export function hourValues(of: HourSums): SqlValue[] {
  const { hour, caller, provider, model, alias, operation, status, records, sums } = of
  return [hour, caller, provider, model, alias, operation, status, records, ...sumKeys.map((key) => sums[key])]
}

export function budgetValues({ budget, subject, windowStart, nano }: BudgetSums): SqlValue[] {
  return [budget, subject, windowStart, nano, 0]
}

/** Sums of roll-ups, as columns that `sumsOf` reads. */
export const sumsOfRollUps = sumColumns.map((name) => `sum(${name}) as ${name}`).join(', ')

/** The same sums of records. */
export const sumsOfCharges = [
  'count(call_code) as calls',
  'count(*) filter (where call_code <> 0) as errors',
  'count(*) filter (where state in (4, 5)) as cached_calls',
  'count(*) filter (where cost_input is null) as unpriced_calls',
  ...['input', 'output', 'cached_input', 'cache_write', 'reasoning'].map((name) => `sum(${name}) as ${name}`),
  'sum(cost_input + cost_output) as cost',
  'sum(saved) as saved',
].join(', ')

/** The same sums of cache hits that have no records. */
export const sumsOfHits = ['sum(hits) as calls', 'sum(hits) as cached_calls', 'sum(saved) as saved'].join(', ')

export function sumsOf(row: SqlRow): Sums {
  const big = (key: keyof Sums) => BigInt(String(row[sumNames[key]] ?? 0))
  return {
    calls: Number(big('calls')),
    errors: Number(big('errors')),
    cachedCalls: Number(big('cachedCalls')),
    unpricedCalls: Number(big('unpricedCalls')),
    input: big('input'),
    output: big('output'),
    cachedInput: big('cachedInput'),
    cacheWrite: big('cacheWrite'),
    reasoning: big('reasoning'),
    cost: big('cost'),
    saved: big('saved'),
  }
}

/** An insertion that adds to the row with the same key. */
function rollUp(
  table: string,
  keys: readonly string[],
  integerKeys: readonly string[],
  sums: readonly string[],
): Insertion {
  const column = (name: string): Column => ({
    name,
    type: sums.includes(name) || integerKeys.includes(name) ? 'bigint' : 'text',
  })
  const added = sums.map((name) => `${name} = ${table}.${name} + excluded.${name}`)
  return {
    table,
    columns: [...keys, ...sums].map(column),
    conflict: `on conflict (${keys.join(', ')}) do update set ${added.join(', ')}`,
  }
}
