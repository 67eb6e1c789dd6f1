import { expect, it } from 'vitest'
import { openSqlite } from '../../../../src/stores/ledger/sqlite/sqlite-database.ts'
import { JournalWriter } from '../../../../src/stores/ledger/store/ingest/apply-batch.ts'
import { BatchBuilder } from '../../../../src/stores/ledger/store/ingest/batch.ts'
import { dayReader } from '../../../../src/stores/ledger/store/ingest/roll-ups.ts'
import { charge } from '../../../support/ledger-rows.ts'

const HOUR = 3_600_000
const BEGIN = Date.UTC(2026, 0, 1)

it('deletes old records in steps of 500, and keeps the sums', async () => {
  const database = openSqlite({ path: ':memory:' })
  const writer = new JournalWriter(database, dayReader('UTC'))
  const batch = new BatchBuilder()
  for (let call = 0; call < 1_300; call++) {
    const time = BEGIN + (call % 1_200 === 7 ? 48 * HOUR : (call % 20) * HOUR)
    batch.add({ kind: 'settled', charge: charge({ callId: `c${call}`, time }) }, 1)
  }
  const hits = { time: BEGIN, operation: 'Chat', caller: 'web', userId: '', alias: '', provider: 'p', model: 'm' }
  batch.add({ kind: 'hits', ...hits, hits: 3, saved: 9 }, 1)
  await writer.apply('journal', undefined, { segment: 1, offset: 1 }, batch.build())
  const count = async (table: string) => (await database.query(`select count(*) as count from ${table}`))[0]?.['count']
  const steps: unknown[] = []
  while (await database.expire(BEGIN + 24 * HOUR)) steps.push(await count('charge'))
  expect(steps).toEqual([800n, 300n, 2n])
  expect([await count('cache_hit'), await count('charge_hour')]).toEqual([0n, 1n])
  const [day] = await database.query('select sum(calls) as calls, sum(saved) as saved from rollup_day')
  expect(day).toMatchObject({ calls: 1_303n, saved: 9n })
})
