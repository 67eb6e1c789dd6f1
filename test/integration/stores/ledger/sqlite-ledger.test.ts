import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CostGroup, UsageState } from '../../../../src/domain/types.ts'
import { loadSqlite } from '../../../../src/stores/ledger/sqlite/sqlite-module.ts'
import { eventually } from '../../../support/eventually.ts'
import { charge, selection } from '../../../support/ledger-rows.ts'
import { newFolder, openLedger, type TestLedger } from '../../../support/stored-ledger.ts'

const grouping = { groups: [CostGroup.PROVIDER], labelKey: '', timeZone: 'UTC' }
const unfinished = { ending: undefined }

async function records({ store }: TestLedger) {
  return (await store.list(selection(), 1_000, '')).records
}

describe('a ledger in SQLite', () => {
  it('has what the journal has, as records and as sums', async () => {
    await using ledger = await openLedger()
    const time = Date.now()
    ledger.journal.settle(charge({ callId: 'one', time }))
    ledger.journal.settle(charge({ callId: 'two', time, provider: 'google' }))
    await eventually(async () => expect(await records(ledger)).toHaveLength(2))
    const { rows, total } = await ledger.store.summarize(selection({ start: time - 1 }), grouping)
    expect(rows.map(({ keys }) => keys[0]).sort()).toEqual(['google', 'openai'])
    expect(total).toMatchObject({ calls: 2, cost: 6_000n })
    await eventually(() => expect(ledger.store.progress).toMatchObject({ pendingBytes: 0, lag: 0, records: 2 }))
  })

  it('has everything once after a crash, and what was under way as unknown', async () => {
    const folder = newFolder()
    const first = await openLedger({ folder })
    const assumed = { state: UsageState.UNKNOWN } as const
    await first.journal.begin(charge({ callId: 'lost' }, assumed, unfinished))
    first.journal.settle(charge({ callId: 'ended' }))
    await eventually(async () => expect(await records(first)).toHaveLength(1))
    first.journal.settle(charge({ callId: 'late' }))
    await first.crash()
    await using second = await openLedger({ folder })
    await second.store.swept
    const found = (await records(second)).map(({ facts, outcome }) => [facts.callId, outcome.state])
    expect(found.sort()).toEqual([
      ['ended', UsageState.SETTLED],
      ['late', UsageState.SETTLED],
      ['lost', UsageState.UNKNOWN],
    ])
  })

  it('empties the journal when it ends', async () => {
    const folder = newFolder()
    const first = await openLedger({ folder })
    for (let call = 0; call < 1_000; call++) first.journal.settle(charge({ callId: `c${call}` }))
    expect(await first.close()).toBe(0)
    await using second = await openLedger({ folder })
    expect(await records(second)).toHaveLength(1_000)
  })

  it('waits for a database that is locked, and then has everything once', async () => {
    await using ledger = await openLedger()
    const { DatabaseSync } = loadSqlite()
    const other = new DatabaseSync(join(ledger.folder, 'ledger.sqlite'))
    other.exec('begin immediate')
    for (let call = 0; call < 300; call++) ledger.journal.settle(charge({ callId: `c${call}` }))
    await eventually(() => expect(ledger.troubles).toEqual([expect.stringContaining('locked')]))
    expect(ledger.store.progress.pendingBytes).toBeGreaterThan(0)
    await expect(ledger.store.claimAlert({ key: 'k', id: 'i', body: '{}', expiresAt: 1 })).rejects.toMatchObject({
      reason: 'LEDGER_UNAVAILABLE',
    })
    other.exec('rollback')
    other.close()
    await eventually(async () => expect(await records(ledger)).toHaveLength(300))
    await eventually(() => expect(ledger.troubles).toEqual([expect.stringContaining('locked'), '']))
  })

  it('is shared by processes on one folder, which adopt what an ended one left', async () => {
    const folder = newFolder()
    const first = await openLedger({ folder })
    const second = await openLedger({ folder })
    first.journal.settle(charge({ callId: 'first' }))
    second.journal.settle(charge({ callId: 'second' }))
    await first.crash()
    await second.crash()
    await using third = await openLedger({ folder })
    await third.store.swept
    expect((await records(third)).map(({ facts }) => facts.callId).sort()).toEqual(['first', 'second'])
  })

  it('waits for a table that is missing, and makes it at the next start', async () => {
    const folder = newFolder()
    const first = await openLedger({ folder })
    first.journal.settle(charge({ callId: 'before' }))
    await eventually(async () => expect(await records(first)).toHaveLength(1))
    const { DatabaseSync } = loadSqlite()
    const other = new DatabaseSync(join(folder, 'ledger.sqlite'))
    other.exec('drop table charge_number; drop table charge_hour')
    other.close()
    first.journal.settle(charge({ callId: 'meanwhile' }))
    await eventually(() => expect(first.troubles).toEqual([expect.stringContaining('no such table')]))
    await first.crash()
    await using second = await openLedger({ folder })
    await second.store.swept
    expect((await records(second)).map(({ facts }) => facts.callId)).toEqual(['meanwhile', 'before'])
  })

  it('refuses a database of a newer gateway, and a file that is none', async () => {
    const folder = newFolder()
    const { DatabaseSync } = loadSqlite()
    const newer = new DatabaseSync(join(folder, 'ledger.sqlite'))
    newer.exec('pragma user_version = 99')
    newer.close()
    await expect(openLedger({ folder })).rejects.toThrow('has the schema 99 of a newer gateway')
    const path = join(folder, 'text.sqlite')
    writeFileSync(path, 'not a database'.repeat(1_000))
    await expect(openLedger({ folder, store: { kind: 'sqlite', path } })).rejects.toThrow('cannot be opened')
    expect(existsSync(path)).toBe(true)
  })

  it('counts and leaves out a damaged line', async () => {
    const folder = newFolder()
    const first = await openLedger({ folder, store: { kind: 'sqlite', path: join(folder, 'unused.sqlite') } })
    first.journal.settle(charge({ callId: 'good' }))
    await first.crash()
    writeFileSync(join(folder, 'journal/1/00000001.log'), '00000000 ["s"]\nhalf a li', { flag: 'a' })
    await using second = await openLedger({ folder })
    await second.store.swept
    expect(await records(second)).toHaveLength(1)
    await eventually(() => expect(second.skipped).toEqual(['a damaged line', 'the end of a killed process']))
  })

  it('keeps budgets, alerts and audit rows', async () => {
    await using ledger = await openLedger()
    const { store, journal } = ledger
    const share = { budget: 'month', subject: '', windowStart: 5, nano: 7 }
    journal.settle(charge({}, {}, { shares: [share] }))
    const window = { budget: 'month', subject: '', windowStart: 5 }
    await eventually(async () => {
      expect(await store.spentBudgets(5)).toEqual([{ ...window, nano: 7n, adjusted: 0n }])
    })
    expect(await store.spentBudgets(6)).toEqual([])
    expect(await store.adjustBudget(window, 10n)).toBe(10n)
    expect(await store.adjustBudget(window, -4n)).toBe(6n)
    const alert = { key: 'k', id: 'id-1', body: '{"a":1}', expiresAt: Date.now() + 3_600_000 }
    expect(await store.claimAlert(alert)).toBe(true)
    expect(await store.claimAlert({ ...alert, id: 'id-2' })).toBe(false)
    expect(await store.takePendingAlerts(3_600_000)).toEqual([])
    expect(await store.takePendingAlerts(-1)).toEqual([alert])
    await store.markAlertSent('k')
    expect(await store.takePendingAlerts(-1)).toEqual([])
    await store.expireAlert('k', Date.now() - 1)
    expect(await store.claimAlert({ ...alert, id: 'id-3' })).toBe(true)
    store.audit({ time: 1, callId: 'c', caller: 'ops', peer: 'p', method: 'TestAlert', subject: '', reason: '' })
    const { DatabaseSync } = loadSqlite()
    const reader = new DatabaseSync(join(ledger.folder, 'ledger.sqlite'), { readOnly: true })
    await eventually(() => expect(reader.prepare('select caller, method from audit').all()).toHaveLength(1))
    reader.close()
  })
})
