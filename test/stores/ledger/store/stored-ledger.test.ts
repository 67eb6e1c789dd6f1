import { describe, expect, it } from 'vitest'
import type { Charge } from '../../../../src/domain/ports/money/ledger.ts'
import type { CostGrouping, UsageSelection } from '../../../../src/domain/ports/money/ledger-queries.ts'
import { CostGroup, UsageState } from '../../../../src/domain/types.ts'
import { summarize as summarizeCharges } from '../../../../src/stores/ledger/cost-sums.ts'
import type { JournalEntry } from '../../../../src/stores/ledger/journal/entry.ts'
import { matches } from '../../../../src/stores/ledger/matches.ts'
import { openSqlite } from '../../../../src/stores/ledger/sqlite/sqlite-database.ts'
import { JournalWriter } from '../../../../src/stores/ledger/store/ingest/apply-batch.ts'
import { BatchBuilder } from '../../../../src/stores/ledger/store/ingest/batch.ts'
import { endLeftovers } from '../../../../src/stores/ledger/store/ingest/leftovers.ts'
import { dayReader } from '../../../../src/stores/ledger/store/ingest/roll-ups.ts'
import { StoredQueries } from '../../../../src/stores/ledger/store/queries/stored-queries.ts'
import { charge, selection } from '../../../support/ledger-rows.ts'
import { randomFrom } from '../../../support/random.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 10, 28, 13, 37, 12, 345)
const ZONE = 'Europe/Madrid'
const clock = { now: () => 0, wall: () => NOW, after: () => () => {} }

/** A ledger in memory, and what it is given. */
function emptyLedger({ keep = 90 * DAY, timeZone = ZONE } = {}) {
  const database = openSqlite({ path: ':memory:' })
  const writer = new JournalWriter(database, dayReader(timeZone))
  const queries = new StoredQueries(database, { clock, timeZone, keep })
  let offset = 0
  /** Writes entries in one batch. */
  const write = async (...entries: JournalEntry[]) => {
    const batch = new BatchBuilder()
    for (const entry of entries) batch.add(entry, 1)
    const from = offset === 0 ? undefined : { segment: 1, offset }
    offset++
    await writer.apply('journal-1', from, { segment: 1, offset }, batch.build())
  }
  const all = async (changes: Partial<UsageSelection> = {}) => {
    return (await queries.list(selection({ end: NOW, ...changes }), 1_000, '')).records
  }
  const endProcess = () => endLeftovers({ database, writer, chargesUnknown: true }, 'journal-1', 2)
  return { database, writer, queries, write, all, endProcess }
}

const settled = (charge: Charge): JournalEntry => ({ kind: 'settled', charge })
const intent = (charge: Charge): JournalEntry => ({ kind: 'intent', charge })
const final = (charge: Charge): JournalEntry => ({ kind: 'final', charge })

function grouping(groups: readonly CostGroup[] = [], changes: Partial<CostGrouping> = {}): CostGrouping {
  return { groups, labelKey: 'team', timeZone: ZONE, ...changes }
}

describe('a stored record', () => {
  it('is read as it was written', async () => {
    const { write, all } = emptyLedger()
    const whole = charge(
      { userId: 'ana', sessionId: 's', labels: { 'te"am\\': 'ü' }, alias: 'smart', part: 2, attempt: 3 },
      {
        state: UsageState.ESTIMATED,
        tokens: { input: 1, output: 2, cachedInput: 3, cacheWrite: 4, reasoning: 5 },
        saved: 7,
        code: 14,
        reason: 'UPSTREAM_TIMEOUT',
      },
    )
    const bare = charge({ callId: 'bare' }, { tokens: {}, cost: undefined }, { ending: undefined })
    await write(settled(whole), settled(bare))
    const unknown = { cachedInput: undefined, cacheWrite: undefined, reasoning: undefined }
    expect(await all()).toEqual([
      { ...bare, outcome: { ...bare.outcome, tokens: { input: undefined, output: undefined, ...unknown } } },
      whole,
    ])
  })

  it('keeps texts that databases refuse, without what they refuse', async () => {
    const { write, all } = emptyLedger()
    await write(settled(charge({ userId: 'a\0b\ud800', labels: { 'k\0': 'v\0' } })))
    expect((await all())[0]?.facts).toMatchObject({ userId: 'a\uFFFDb\uFFFD', labels: { 'k\uFFFD': 'v\uFFFD' } })
  })

  it('is completed by its ending, which may come in another batch', async () => {
    const { write, all, queries } = emptyLedger()
    const open = charge({}, {}, { ending: undefined })
    const ended = charge({}, {}, { ending: { code: 4, reason: 'DEADLINE_EXCEEDED', latency: 99 } })
    await write(intent(open), settled(open))
    await write(final(ended), final(ended))
    expect(await all()).toMatchObject([{ ending: ended.ending }])
    const { total } = await queries.summarize(selection(), grouping())
    expect(total).toMatchObject({ calls: 1, errors: 1, cost: 3_000n })
  })

  it('whose first line was lost is made from its ending', async () => {
    const { write, all } = emptyLedger()
    await write(final(charge()))
    expect(await all()).toHaveLength(1)
  })
})

describe('a process that ended', () => {
  it('leaves an attempt of unknown outcome, the final one of its call', async () => {
    const { write, all, endProcess } = emptyLedger()
    const assumed = { state: UsageState.UNKNOWN } as const
    await write(
      intent(charge({ callId: 'a' }, assumed, { ending: undefined })),
      settled(charge({ callId: 'a' }, { code: 14 }, { ending: undefined })),
      intent(charge({ callId: 'a', attempt: 2 }, assumed, { ending: undefined })),
    )
    await write(settled(charge({ callId: 'b' })))
    expect(await endProcess()).toBe(false)
    const records = (await all()).map(({ facts, outcome, ending }) => [facts.callId, outcome.state, ending?.code])
    expect(records).toEqual([
      ['a', UsageState.UNKNOWN, 14],
      ['b', UsageState.SETTLED, 0],
      ['a', UsageState.SETTLED, undefined],
    ])
    await endProcess()
    expect(await all()).toHaveLength(3)
  })

  it('between two attempts leaves a call whose last record is final', async () => {
    const { write, all, endProcess } = emptyLedger()
    await write(settled(charge({}, { code: 14 }, { ending: undefined })))
    await endProcess()
    expect(await all()).toMatchObject([{ outcome: { code: 14 }, ending: { code: 14 } }])
  })
})

it('a journal is not written twice', async () => {
  const { writer, write, all } = emptyLedger()
  await write(settled(charge()))
  const batch = new BatchBuilder()
  batch.add(settled(charge()), 1)
  const again = writer.apply('journal-1', undefined, { segment: 1, offset: 1 }, batch.build())
  await expect(again).rejects.toThrow('was read by another process')
  const late = writer.apply('journal-1', { segment: 1, offset: 0 }, { segment: 1, offset: 1 }, batch.build())
  await expect(late).rejects.toThrow('was read by another process')
  expect(await all()).toHaveLength(1)
})

it('adds up amounts above 2^53 exactly', async () => {
  const { write, queries } = emptyLedger()
  const most = Number.MAX_SAFE_INTEGER
  for (let call = 0; call < 3; call++) {
    await write(settled(charge({ callId: `c${call}` }, { cost: { input: most, output: 0 }, tokens: { input: most } })))
  }
  const { total } = await queries.summarize(selection({ start: NOW - DAY }), grouping([CostGroup.SESSION]))
  expect(total.cost).toBe(3n * BigInt(most))
  const { total: rolledUp } = await queries.summarize(selection(), grouping([CostGroup.USER]))
  expect(rolledUp).toMatchObject({ cost: 3n * BigInt(most), input: 3n * BigInt(most) })
})

it('counts the users of a day and caller past 10,000 as one', async () => {
  const { write, queries } = emptyLedger()
  const users = Array.from({ length: 10_003 }, (_, index) =>
    settled(charge({ callId: `c${index}`, userId: `u${index}` })),
  )
  await write(...users)
  await write(settled(charge({ callId: 'again', userId: 'u5' })), settled(charge({ callId: 'new', userId: 'late' })))
  const { rows } = await queries.summarize(selection({ caller: 'web' }), grouping([CostGroup.USER]))
  expect(rows).toHaveLength(10_000)
  expect(rows.find(({ keys }) => keys[0] === 'other')?.calls).toBe(4)
  expect(rows.find(({ keys }) => keys[0] === 'u5')?.calls).toBe(2)
})

it('budgets are added to with the record', async () => {
  const { write, database } = emptyLedger()
  const share = { budget: 'month', subject: 'web', windowStart: 1_000, nano: 5 }
  await write(settled(charge({}, {}, { shares: [share, { ...share, budget: 'day' }], ending: undefined })))
  await write(settled(charge({ callId: 'b' }, {}, { shares: [share] })), final(charge({}, {}, { shares: [share] })))
  const rows = await database.query('select * from budget_spent order by budget')
  expect(rows.map((row) => [row['budget'], row['subject'], row['window_start'], row['nano']])).toEqual([
    ['day', 'web', 1_000n, 5n],
    ['month', 'web', 1_000n, 10n],
  ])
})

describe('summaries agree with sums over all records', () => {
  const random = randomFrom(7)
  const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T
  const charges = Array.from({ length: 3_000 }, (_, index) => {
    const code = pick([0, 0, 0, 4, 14])
    return charge(
      {
        callId: `call-${index}`,
        time: NOW - random(20 * DAY),
        caller: pick(['web', 'jobs']),
        userId: pick(['', 'ana', 'bo']),
        sessionId: pick(['', 's1', 's2']),
        labels: pick([{}, { team: 'a"b' }, { team: 'c', env: 'x' }]),
        alias: pick(['', 'smart']),
        provider: pick(['openai', 'google']),
        model: pick(['gpt-5', 'other']),
        operation: pick(['Chat', 'StreamChat', 'Embed']),
      },
      {
        state: pick([UsageState.SETTLED, UsageState.ESTIMATED, UsageState.CACHED]),
        tokens: { input: random(1_000), output: pick([undefined, random(1_000)]), reasoning: pick([undefined, 5]) },
        cost: pick([undefined, { input: random(1e9), output: random(1e9) }]),
        saved: pick([undefined, random(1e6)]),
        code,
      },
      { ending: pick([undefined, { code, reason: '', latency: 1 }]) },
    )
  })
  const { write, queries } = emptyLedger()
  let written: Promise<void> | undefined
  const writeAll = async () => {
    for (let index = 0; index < charges.length; index += 100) {
      await write(...charges.slice(index, index + 100).map(settled))
    }
  }

  const groups = [
    [],
    [CostGroup.PROVIDER],
    [CostGroup.MODEL, CostGroup.ALIAS],
    [CostGroup.CALLER, CostGroup.USER],
    [CostGroup.OPERATION, CostGroup.DAY],
    [CostGroup.HOUR],
    [CostGroup.DAY, CostGroup.HOUR],
    [CostGroup.HOUR, CostGroup.USER],
    [CostGroup.SESSION],
    [CostGroup.LABEL, CostGroup.DAY],
  ]
  const periods: Partial<UsageSelection>[] = [
    { start: NOW - 19 * DAY - 1_234_567, end: NOW + 1 },
    { start: NOW - 10 * DAY - 1_234_567, end: NOW - 3 * DAY - 7 },
    { start: Date.UTC(2026, 10, 19, 23), end: Date.UTC(2026, 10, 22, 23) },
    { start: NOW - 2 * HOUR, end: NOW - HOUR / 3 },
    { start: NOW - 9 * HOUR, end: NOW - HOUR / 3 },
    { start: NOW - 9 * DAY, end: NOW - 9 * DAY },
  ]
  const filters: Partial<UsageSelection>[] = [
    {},
    { provider: 'openai', model: 'gpt-5', alias: 'smart', operation: 'Chat' },
    { userId: 'ana' },
    { caller: 'web', onlyCaller: 'web' },
    { caller: 'web', onlyCaller: 'jobs' },
    { sessionId: 's1' },
    { labels: { team: 'a"b' } },
    { labels: { team: 'c', env: 'x' } },
    { states: [UsageState.CACHED, UsageState.ESTIMATED] },
    { failed: true },
    { finalOnly: true },
  ]
  const keyed = (rows: readonly { readonly keys: readonly string[] }[]) =>
    [...rows].sort((a, b) => (a.keys.join('\0') < b.keys.join('\0') ? -1 : 1))

  it.each(groups.map((group) => [group.map((each) => CostGroup[each]).join(', ') || 'total', group] as const))(
    'by %s',
    async (_, group) => {
      written ??= writeAll()
      await written
      for (const period of periods) {
        for (const filter of filters) {
          for (const timeZone of [ZONE, 'Asia/Kolkata']) {
            const selected = selection({ ...period, ...filter })
            const actual = await queries.summarize(selected, grouping(group, { timeZone }))
            const expected = summarizeCharges(
              charges.filter((each) => matches(each, selected)),
              grouping(group, { timeZone }),
            )
            expect({ period, filter, total: actual.total }).toEqual({ period, filter, total: expected.total })
            expect(keyed(actual.rows)).toEqual(keyed(expected.rows))
          }
        }
      }
    },
  )

  it('and pages have each record once, newest first', async () => {
    written ??= writeAll()
    await written
    for (const filter of [...filters, ...periods]) {
      const selected = selection({ end: NOW + 1, ...filter })
      const found: string[] = []
      let token = ''
      do {
        const page = await queries.list(selected, 77, token)
        found.push(...page.records.map(({ facts }) => facts.callId))
        token = page.next ?? ''
      } while (token !== '')
      const expected = charges.filter((each) => matches(each, selected)).map(({ facts }) => facts.callId)
      expect(found).toEqual(expected.reverse())
    }
  })
})

describe('a question that cannot be answered', () => {
  const { queries, write } = emptyLedger({ keep: 60 * DAY })

  it.each([
    ['records of more than 31 days', { start: NOW - 32 * DAY }, grouping([CostGroup.SESSION]), 'start'],
    [
      'records that are no longer kept',
      { start: NOW - 61 * DAY, end: NOW - 59 * DAY },
      grouping([CostGroup.LABEL]),
      'start',
    ],
    ['days of another zone', { start: NOW - 40 * DAY }, grouping([CostGroup.DAY], { timeZone: 'UTC' }), 'start'],
    ['hours of users', { start: NOW - 40 * DAY }, grouping([CostGroup.HOUR, CostGroup.USER]), 'start'],
    ['sessions since ever', {}, grouping([CostGroup.SESSION]), 'start'],
    ['a day that begins in the middle', { start: NOW - 70 * DAY }, grouping([CostGroup.USER]), 'start'],
    ['a day that ends in the middle', { end: NOW - 70 * DAY }, grouping([CostGroup.USER]), 'end'],
  ] as const)('%s', async (_, period, group, field) => {
    const answer = queries.summarize(selection(period), group)
    await expect(answer).rejects.toMatchObject({ reason: 'INVALID_REQUEST', facts: { fields: [{ field }] } })
  })

  it.each(['x', '-1', '1.5', '99999999', 'W10'])('the page token %j', async (token) => {
    await write(settled(charge()))
    await expect(queries.list(selection(), 10, token)).rejects.toMatchObject({ reason: 'INVALID_REQUEST' })
  })

  it('but whole days are summed for ever', async () => {
    const start = Date.UTC(2020, 0, 1) - HOUR
    await expect(queries.summarize(selection({ start }), grouping([CostGroup.USER]))).resolves.toBeDefined()
  })
})
