import { afterAll, beforeAll, describe, expect } from 'vitest'
import { CostGroup, UsageState } from '../../../../src/domain/types.ts'
import { eventually } from '../../../support/eventually.ts'
import { charge, selection } from '../../../support/ledger-rows.ts'
import { type PostgresServer, startPostgres } from '../../../support/postgres.ts'
import { postgresFolder, test } from '../../../support/postgres-test.ts'
import { newFolder, openLedger, type TestLedger } from '../../../support/stored-ledger.ts'

const DAY = 24 * 3_600_000
const grouping = { groups: [CostGroup.CALLER, CostGroup.DAY], labelKey: 'team', timeZone: 'UTC' }
const unfinished = { ending: undefined }

describe.skipIf(postgresFolder() === undefined)('a ledger in Postgres', () => {
  let server: PostgresServer
  let databases = 0
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.close())

  const newDatabase = () => server.createDatabase(`ledger_${++databases}`)
  const open = (url: string, folder?: string, changes: object = {}) =>
    openLedger({ store: { kind: 'postgres', url }, ...(folder !== undefined && { folder }), ...changes })

  async function ids({ store }: TestLedger, changes = {}): Promise<string[]> {
    const { records } = await store.list(selection(changes), 1_000, '')
    return records.map(({ facts }) => facts.callId).sort()
  }

  /** The calls of `count` charges, each with a line of its own. */
  function record({ journal }: TestLedger, prefix: string, count = 300): string[] {
    const calls = Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(4, '0')}`)
    const time = Date.now()
    for (const callId of calls) journal.settle(charge({ callId, time, caller: prefix }))
    return calls
  }

  test('has what the journal has, as records and as sums', async () => {
    await using ledger = await open(await newDatabase())
    const time = Date.now()
    const whole = charge(
      { time, userId: 'a\0na', sessionId: 's', labels: { 'te"am': 'ü', team: 'x' }, attempt: 2, part: 3 },
      { state: UsageState.ESTIMATED, tokens: { input: 2 ** 40 }, saved: 5, code: 14, reason: 'UPSTREAM_TIMEOUT' },
      { shares: [{ budget: 'b', subject: '', windowStart: 1, nano: 9 }] },
    )
    ledger.journal.settle(charge({ callId: 'open', time: time - 1 }, {}, unfinished))
    ledger.journal.settle(whole)
    await eventually(async () => expect(await ids(ledger)).toHaveLength(2))
    ledger.journal.finish(charge({ callId: 'open', time: time - 1 }))
    await eventually(async () => expect(await ids(ledger, { finalOnly: true })).toHaveLength(2))
    const { records } = await ledger.store.list(selection({ labels: { 'te"am': 'ü' } }), 1, '')
    expect(records).toMatchObject([{ ...whole, facts: { ...whole.facts, userId: 'a\uFFFDna' }, shares: [] }])
    for (const changes of [{}, { states: [UsageState.ESTIMATED, UsageState.SETTLED] }]) {
      for (const group of [CostGroup.CALLER, CostGroup.DAY, CostGroup.HOUR, CostGroup.LABEL, CostGroup.SESSION]) {
        const selected = selection({ start: time - DAY, ...changes })
        const { total, rows } = await ledger.store.summarize(selected, { ...grouping, groups: [group] })
        expect(total).toMatchObject({ calls: 2, cost: 6_000n, input: 2n ** 40n + 10n, saved: 5n })
        expect(rows.length).toBeGreaterThan(0)
      }
    }
    expect(await ledger.store.spentBudgets(0)).toMatchObject([{ budget: 'b', nano: 9n }])
  })

  test('pages through records, newest first', async () => {
    await using ledger = await open(await newDatabase())
    const calls = record(ledger, 'a')
    await eventually(async () => expect(await ids(ledger)).toEqual(calls))
    const found: string[] = []
    for (let token = ''; ; ) {
      const { records, next } = await ledger.store.list(selection({ caller: 'a' }), 77, token)
      found.push(...records.map(({ facts }) => facts.callId))
      if (next === undefined) break
      token = next
    }
    expect(found).toEqual(calls.reverse())
    await expect(ledger.store.list(selection(), 1, '999999')).rejects.toMatchObject({ reason: 'INVALID_REQUEST' })
  })

  test('is shared by three gateways', async () => {
    const url = await newDatabase()
    const ledgers = await Promise.all([open(url), open(url), open(url)])
    const calls = ledgers.flatMap((ledger, index) => record(ledger, `gateway-${index}-`))
    const [first] = ledgers
    await eventually(async () => expect(await ids(first)).toEqual(calls.sort()))
    const { rows } = await first.store.summarize(selection({ start: Date.now() - DAY }), grouping)
    expect(rows.map(({ calls }) => calls)).toEqual([300, 300, 300])
    const alert = { key: 'k', id: 'i', body: '{}', expiresAt: Date.now() + DAY }
    const claims = await Promise.all(ledgers.map(({ store }) => store.claimAlert(alert)))
    expect(claims.filter(Boolean)).toHaveLength(1)
    const taken = await Promise.all(ledgers.map(({ store }) => store.takePendingAlerts(-1)))
    expect(taken.flat().length).toBeGreaterThan(0)
    const window = { budget: 'b', subject: '', windowStart: 1 }
    await Promise.all(ledgers.map(({ store }) => store.adjustBudget(window, 5n)))
    expect(await first.store.adjustBudget(window, 0n)).toBe(15n)
    for (const ledger of ledgers) await ledger[Symbol.asyncDispose]()
  })

  test('has everything once after a crash of the gateway', async () => {
    const url = await newDatabase()
    const folder = newFolder()
    const first = await open(url, folder)
    await first.journal.begin(charge({ callId: 'lost', time: Date.now() }, { state: UsageState.UNKNOWN }, unfinished))
    const calls = record(first, 'a')
    await first.crash()
    await using second = await open(url, folder)
    await second.store.swept
    expect(await ids(second)).toEqual([...calls, 'lost'])
    expect(await ids(second, { states: [UsageState.UNKNOWN] })).toEqual(['lost'])
  })

  test('waits for a Postgres that was killed, and then has everything once', async () => {
    await using ledger = await open(await newDatabase())
    const before = record(ledger, 'a')
    await server.kill()
    const after = record(ledger, 'b')
    await eventually(() => expect(ledger.troubles).toHaveLength(1))
    await expect(ledger.store.list(selection(), 1, '')).rejects.toMatchObject({ reason: 'LEDGER_UNAVAILABLE' })
    await server.start()
    await eventually(async () => expect(await ids(ledger)).toEqual([...before, ...after]))
    await eventually(() => expect(ledger.troubles.at(-1)).toBe(''))
  })

  test('waits for a Postgres that does not answer, and then has everything once', async () => {
    await using ledger = await open(await newDatabase())
    const before = record(ledger, 'a')
    server.stop()
    const after = record(ledger, 'b')
    try {
      await eventually(() => expect(ledger.troubles).toHaveLength(1))
    } finally {
      server.resume()
    }
    await eventually(async () => expect(await ids(ledger)).toEqual([...before, ...after]))
    const { total } = await ledger.store.summarize(selection({ start: Date.now() - DAY }), grouping)
    expect(total.calls).toBe(600)
  })

  test('starts without Postgres, and fills it when it is there', async () => {
    const url = await newDatabase()
    await server.kill()
    await using ledger = await open(url)
    await ledger.store.swept
    const calls = record(ledger, 'a')
    await server.start()
    await eventually(async () => expect(await ids(ledger)).toEqual(calls))
  })

  test('waits for a table that is missing, and makes it at the next start', async () => {
    const url = await newDatabase()
    const folder = newFolder()
    const first = await open(url, folder)
    await first.store.swept
    await server.query('alter table rollup_day rename to elsewhere', url)
    const calls = record(first, 'a')
    await eventually(() => expect(first.troubles).toEqual([expect.stringContaining('rollup_day')]))
    await server.query('alter table elsewhere rename to rollup_day', url)
    await eventually(async () => expect(await ids(first)).toEqual(calls))
    await server.query('drop table budget_spent', url)
    await first.crash()
    await using second = await open(url, folder)
    await second.store.swept
    expect(await second.store.spentBudgets(0)).toEqual([])
    expect(await ids(second)).toEqual(calls)
  })

  test('makes the partition of a month when a record of it comes, and drops months that are no longer kept', async () => {
    const url = await newDatabase()
    await using ledger = await open(url)
    const old = Date.UTC(2020, 3, 5)
    ledger.journal.settle(charge({ callId: 'old', time: old }))
    const partitions = "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'charge'::regclass"
    await eventually(async () => {
      const { total } = await ledger.store.summarize(selection({ start: Date.UTC(2020, 3, 5) }), grouping)
      expect(total.calls).toBe(1)
    })
    expect((await server.query(partitions, url)).rows.length).toBeGreaterThanOrEqual(2)
    await ledger.crash()
    await using again = await open(url, ledger.folder)
    await eventually(async () => {
      const { rows } = await server.query(partitions, url)
      expect(rows.map(({ name }) => name)).not.toContain('charge_2020_04')
    })
    const { total } = await again.store.summarize(selection({ start: old }), grouping)
    expect(total.calls).toBe(1)
  })

  test('says which statements an operator must execute when it may not make tables', async () => {
    const url = await newDatabase()
    await server.query('create role writer login; create role nobody login', url)
    const writer = url.replace('postgres@', 'writer@')
    const refused = await open(writer).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(refused).toContain('create table if not exists charge (')
    const statements = refused.slice(refused.indexOf('\n') + 1)
    const rights =
      'grant select, insert, update, delete on all tables in schema public to writer; grant usage on sequence charge_seq to writer'
    await server.query(`${statements}; ${rights}`, url)
    const months = await open(writer).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(months).toContain('partition of charge')
    await server.query(`${months.slice(months.indexOf('\n') + 1)}; ${rights}`, url)
    await using ledger = await open(writer)
    const calls = record(ledger, 'a')
    await eventually(async () => expect(await ids(ledger)).toEqual(calls))
  })

  test('refuses a database of a newer gateway', async () => {
    const url = await newDatabase()
    await (await open(url)).crash()
    await server.query('insert into ledger_schema values (99)', url)
    await expect(open(url)).rejects.toThrow('has the schema 99 of a newer gateway')
  })

  test('keeps nothing in a session, so that a pooler of transactions may stand before it', async () => {
    const url = await newDatabase()
    await using ledger = await open(url)
    const calls = record(ledger, 'a')
    await eventually(async () => expect(await ids(ledger)).toEqual(calls))
    const held = "select count(*) as count from pg_locks where locktype = 'advisory'"
    // Those of a transaction end with it.
    await eventually(async () => expect((await server.query(held, url)).rows).toEqual([{ count: '0' }]))
  })
})
