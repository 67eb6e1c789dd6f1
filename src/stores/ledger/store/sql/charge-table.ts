import type { Charge } from '../../../../domain/ports/money/ledger.ts'
import type { Column, SqlRow, SqlValue } from './sql.ts'

interface ChargeColumn extends Column {
  readonly of: (charge: Charge) => SqlValue
}

/** The columns of `charge` beside its number `seq`. Times in ms since the epoch, latencies in µs, money in nano-dollars. */
const chargeColumns: readonly ChargeColumn[] = [
  text('call_id', ({ facts }) => facts.callId),
  int('attempt', ({ facts }) => facts.attempt),
  int('part', ({ facts }) => facts.part),
  int('time', ({ facts }) => facts.time),
  text('operation', ({ facts }) => facts.operation),
  text('caller', ({ facts }) => facts.caller),
  text('user_id', ({ facts }) => facts.userId),
  text('session_id', ({ facts }) => facts.sessionId),
  text('labels', ({ facts }) => labelsText(facts.labels)),
  text('alias', ({ facts }) => facts.alias),
  text('provider', ({ facts }) => facts.provider),
  text('model', ({ facts }) => facts.model),
  text('key_id', ({ facts }) => facts.keyId),
  text('price_version', ({ facts }) => facts.priceVersion),
  int('state', ({ outcome }) => outcome.state),
  int('input', ({ outcome }) => outcome.tokens.input),
  int('output', ({ outcome }) => outcome.tokens.output),
  int('cached_input', ({ outcome }) => outcome.tokens.cachedInput),
  int('cache_write', ({ outcome }) => outcome.tokens.cacheWrite),
  int('reasoning', ({ outcome }) => outcome.tokens.reasoning),
  int('cost_input', ({ outcome }) => outcome.cost?.input),
  int('cost_output', ({ outcome }) => outcome.cost?.output),
  int('saved', ({ outcome }) => outcome.saved),
  int('code', ({ outcome }) => outcome.code),
  text('reason', ({ outcome }) => outcome.reason),
  int('upstream_us', ({ outcome }) => outcome.upstreamLatency * 1_000),
  int('call_code', ({ ending }) => ending?.code),
  text('call_reason', ({ ending }) => ending?.reason),
  int('call_us', ({ ending }) => ending && ending.latency * 1_000),
]

export const chargeTable = {
  columns: [{ name: 'seq', type: 'bigint' }, ...chargeColumns] as readonly Column[],
  /** The values of a charge in the order of the columns. */
  valuesOf: (seq: bigint, charge: Charge): SqlValue[] => [seq, ...chargeColumns.map(({ of }) => of(charge))],
  names: chargeColumns.map(({ name }) => name).join(', '),
}

/** The charge of a row. */
export function chargeOf(row: SqlRow): Charge {
  const { cost_input: input, cost_output: output, call_code: code } = row
  return {
    facts: {
      callId: string(row['call_id']),
      attempt: Number(row['attempt']),
      part: Number(row['part']),
      time: Number(row['time']),
      operation: string(row['operation']),
      caller: string(row['caller']),
      userId: string(row['user_id']),
      sessionId: string(row['session_id']),
      labels: labelsOf(row['labels']),
      alias: string(row['alias']),
      provider: string(row['provider']),
      model: string(row['model']),
      keyId: string(row['key_id']),
      priceVersion: string(row['price_version']),
    },
    outcome: {
      // Written from a UsageState.
      state: Number(row['state']) as Charge['outcome']['state'],
      tokens: {
        input: number(row['input']),
        output: number(row['output']),
        cachedInput: number(row['cached_input']),
        cacheWrite: number(row['cache_write']),
        reasoning: number(row['reasoning']),
      },
      cost: input === null ? undefined : { input: Number(input), output: Number(output) },
      saved: number(row['saved']),
      code: Number(row['code']),
      reason: string(row['reason']),
      upstreamLatency: Number(row['upstream_us']) / 1_000,
    },
    ending:
      code === null
        ? undefined
        : { code: Number(code), reason: string(row['call_reason']), latency: Number(row['call_us']) / 1_000 },
    shares: [],
  }
}

/** The labels of a column, which is empty when there are none. */
export function labelsOf(column: unknown): Readonly<Record<string, string>> {
  return typeof column === 'string' && column !== '' ? JSON.parse(column) : {}
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels)
  if (entries.length === 0) return ''
  return JSON.stringify(Object.fromEntries(entries.map(([key, value]) => [storable(key), storable(value)])))
}

function text(name: string, of: (charge: Charge) => string | undefined): ChargeColumn {
  return { name, type: 'text', of: (charge) => storable(of(charge)) }
}

function int(name: string, of: (charge: Charge) => number | undefined): ChargeColumn {
  return { name, type: 'bigint', of: (charge) => storableInteger(of(charge)) }
}

/** A text that every database takes: without the character 0 and without halves of characters. */
export function storable<T extends string | undefined>(value: T): T extends string ? string : null
export function storable(value: string | undefined): string | null {
  if (value === undefined) return null
  return (value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value).toWellFormed()
}

function storableInteger(value: number | undefined): number | null {
  if (value === undefined || Number.isNaN(value)) return null
  return Math.round(Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value)))
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function number(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value)
}
