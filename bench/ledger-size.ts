/**
 * Fills a ledger in SQLite with many records, and measures questions, writing and deleting:
 * `npx tsx bench/ledger-size.ts [RECORDS]`. Default: 10 million records of 90 days, 50 callers and 2,000 users, which
 * take about 4 GB in the folder for temporary files and 15 minutes.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/domain/clock.ts'
import { CostGroup, type CostGroup as Group, UsageState } from '../src/domain/types.ts'
import type { JournalEntry } from '../src/stores/ledger/journal/entry.ts'
import { openSqlite } from '../src/stores/ledger/sqlite/sqlite-database.ts'
import { loadSqlite } from '../src/stores/ledger/sqlite/sqlite-module.ts'
import { JournalWriter } from '../src/stores/ledger/store/ingest/apply-batch.ts'
import { BatchBuilder } from '../src/stores/ledger/store/ingest/batch.ts'
import { dayReader } from '../src/stores/ledger/store/ingest/roll-ups.ts'
import { StoredQueries } from '../src/stores/ledger/store/queries/stored-queries.ts'
import type { SqlDatabase } from '../src/stores/ledger/store/sql/sql.ts'
import { charge, selection } from '../test/support/ledger-rows.ts'

const DAY = 24 * 3_600_000
const DAYS = 90
/** As many as the gateway writes at once. */
const LINES = 128
const records = Number(process.argv[2] ?? 10_000_000)
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-ledger-size-'))
const path = join(folder, 'ledger.sqlite')
const today = Math.floor(Date.now() / DAY) * DAY
const start = today - (DAYS - 1) * DAY
const now = systemClock.wall()

function fill(): void {
  openSqlite({ path })
  const { DatabaseSync } = loadSqlite()
  const connection = new DatabaseSync(path)
  const indexes = connection
    .prepare("select name, sql from sqlite_master where type = 'index' and sql is not null")
    .all()
  connection.exec('pragma synchronous = off; pragma cache_size = -200000')
  for (const { name } of indexes) connection.exec(`drop index ${name}`)
  const step = (now - start) / records
  connection.exec(`insert into charge
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${records})
    select i, 'call-' || i, 1, 0, cast(${start} + i * ${step} as integer),
      case i * 104729 % 2000 % 3 when 0 then 'Chat' when 1 then 'StreamChat' else 'Embed' end,
      'caller-' || (i * 104729 % 2000 % 50), 'user-' || (i * 104729 % 2000), 'session-' || (i / 20),
      '{"team":"t' || (i % 9) || '"}', case i * 104729 % 2000 % 2 when 0 then '' else 'smart' end,
      'provider-' || (i * 104729 % 2000 % 5), 'model-' || (i * 104729 % 2000 % 5), 'key-1', 'v1',
      1, 1000, 200, null, null, null, 3000000, 3000000, null, case i % 40 when 0 then 14 else 0 end,
      case i % 40 when 0 then 'UPSTREAM_TIMEOUT' else '' end, 900000, case i % 40 when 0 then 14 else 0 end, '', 910000
    from n`)
  for (const { sql } of indexes) connection.exec(String(sql))
  connection.exec(`update charge_number set next = ${records + 1};
    insert into charge_hour select time / 3600000 * 3600000, min(seq), max(seq) from charge group by 1;`)
  const sums = `count(*), count(*) filter (where code <> 0), 0, 0, sum(input), sum(output), 0, 0, 0,
    sum(cost_input + cost_output), 0`
  connection.exec(`insert into rollup_day select date(time / 1000, 'unixepoch'), caller, user_id, provider, model, alias,
      operation, ${sums} from charge group by 1, 2, 3, 4, 5, 6, 7;
    insert into rollup_hour select time / 3600000 * 3600000, caller, provider, model, alias, operation, code, count(*),
      ${sums} from charge group by 1, 2, 3, 4, 5, 6, 7`)
  const [rows] = connection
    .prepare('select (select count(*) from rollup_day) d, (select count(*) from rollup_hour) h')
    .all()
  console.log(`rows of rollup_day ${rows?.['d']}, of rollup_hour ${rows?.['h']}`)
  connection.close()
}

async function timed(name: string, times: number, act: () => Promise<unknown>): Promise<void> {
  const walls: number[] = []
  const cpus: number[] = []
  for (let round = 0; round < times; round++) {
    const cpu = process.cpuUsage()
    const begin = performance.now()
    await act()
    walls.push(performance.now() - begin)
    const { user, system } = process.cpuUsage(cpu)
    cpus.push((user + system) / 1_000)
  }
  const at = (values: number[], share: number) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]
  const text = (values: number[]) => `p50 ${at(values, 0.5)?.toFixed(1)}, max ${at(values, 1)?.toFixed(1)} ms`
  console.log(`${name}: ${text(walls)} (CPU ${text(cpus)})`)
}

async function ask(database: SqlDatabase): Promise<void> {
  const queries = new StoredQueries(database, { clock: systemClock, timeZone: 'UTC', keep: (DAYS + 1) * DAY })
  const pages = {
    'without a filter': {},
    'of a caller': { caller: 'caller-7' },
    'of a user': { userId: 'user-77' },
    'of a caller and a user': { caller: 'caller-7', userId: 'user-57' },
    'of nobody': { userId: 'nobody' },
    'of a day two months ago': { start: today - 60 * DAY, end: today - 59 * DAY },
    'of a caller before last month': { caller: 'caller-7', end: today - 40 * DAY },
    'of a model': { model: 'model-3' },
    'of failures': { failed: true },
    'of a session of last month': { sessionId: `session-${Math.floor(records / 40)}` },
  }
  for (const [name, changes] of Object.entries(pages)) {
    await timed(`page ${name}`, 10, () => queries.list(selection({ end: now, ...changes }), 100, ''))
  }
  await timed('records of a call', 10, () => database.query('select * from charge where call_id = ?', ['call-4711']))
  const groups: Group[][] = [
    [],
    [CostGroup.PROVIDER],
    [CostGroup.USER],
    [CostGroup.CALLER, CostGroup.USER],
    [CostGroup.DAY, CostGroup.MODEL],
    [CostGroup.HOUR],
  ]
  for (const by of groups) {
    const name = by.map((group) => CostGroup[group]).join(', ') || 'total'
    for (const days of [1, 30]) {
      await timed(`summary of ${days} whole days by ${name}`, 5, () =>
        queries.summarize(selection({ start: today - (days - 1) * DAY, end: Number.MAX_SAFE_INTEGER }), {
          groups: by,
          labelKey: '',
          timeZone: 'UTC',
        }),
      )
    }
  }
  for (const days of [1, 31]) {
    await timed(`summary of ${days} days by LABEL, from records`, 1, async () => {
      const selected = selection({ start: now - days * DAY + 60_000, end: now + 1 })
      const { truncated } = await queries.summarize(selected, {
        groups: [CostGroup.LABEL],
        labelKey: 'team',
        timeZone: 'UTC',
      })
      if (truncated) console.log('truncated')
    })
  }
}

function factsOf(call: number) {
  const user = (call * 104_729) % 2_000
  return {
    callId: `call-${call}`,
    time: now,
    caller: `caller-${user % 50}`,
    userId: `user-${user}`,
    sessionId: `session-${call}`,
    provider: `provider-${user % 5}`,
    model: `model-${user % 5}`,
    alias: user % 2 === 0 ? '' : 'smart',
  }
}

function begun(facts: ReturnType<typeof factsOf>): JournalEntry {
  return { kind: 'intent', charge: charge(facts, { state: UsageState.UNKNOWN }, { ending: undefined }) }
}

function ended(facts: ReturnType<typeof factsOf>): JournalEntry {
  return { kind: 'settled', charge: charge(facts) }
}

async function write(database: SqlDatabase): Promise<void> {
  const writer = new JournalWriter(database, dayReader('UTC'))
  let offset = 0
  let call = records
  const apply = async (entries: readonly JournalEntry[]) => {
    const builder = new BatchBuilder()
    for (const entry of entries) builder.add(entry, 1)
    const from = offset === 0 ? undefined : { segment: 1, offset }
    await writer.apply('journal', from, { segment: 1, offset: ++offset }, builder.build())
  }
  const calls = () => Array.from({ length: LINES / 2 }, () => factsOf(++call))
  await timed(`transaction of ${LINES} lines, calls that begin and end in it`, 200, () => {
    return apply(calls().flatMap((facts) => [begun(facts), ended(facts)]))
  })
  await timed(`transaction of ${LINES} lines, calls that begin and calls that end in it`, 200, () => {
    return apply(calls().flatMap((facts) => [ended(facts), begun({ ...facts, callId: `open-${facts.callId}` })]))
  })
  await timed('deletion of up to 500 old records', 50, () => database.expire(start + 5 * DAY))
}

try {
  const begin = performance.now()
  fill()
  console.log(
    `${records} records in ${((performance.now() - begin) / 1_000).toFixed(0)} s, ${(statSync(path).size / 1e6).toFixed(0)} MB`,
  )
  const reader = openSqlite({ path, readOnly: true })
  await ask(reader)
  await reader.close()
  const writer = openSqlite({ path })
  await write(writer)
  await writer.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
