import { describe, expect, test } from 'vitest'
import type { Charge, ChargeOutcome } from '../../../../src/domain/ports/money/ledger.ts'
import { UsageState } from '../../../../src/domain/types.ts'
import { someCharge } from '../../../support/charges.ts'
import { settle } from '../../../support/fake-clock.ts'
import { journalWorld } from '../../../support/journal.ts'

const call = (callId: string, outcome: Partial<ChargeOutcome> = {}) => someCharge({ callId }, outcome)
const ended = (charge: Charge, reason = '') => {
  charge.ending = { code: reason ? 14 : 0, reason, latency: 1 }
  return charge
}
/** `pending`, or how a promise settled. */
const statusOf = (promise: void | Promise<void>) =>
  Promise.race([
    Promise.resolve(promise).then(
      () => 'settled',
      (error) => error.reason as string,
    ),
    settle().then(() => 'pending'),
  ])

describe('a turn of the loop', () => {
  test('is one write, and everybody waits for it', async () => {
    const { journal, file } = journalWorld()
    const waiting = [journal.begin(call('a')), journal.begin(call('b')), journal.settle(call('c'))]
    expect(file.now).toBe(0)
    await Promise.all(waiting)
    expect(file.now).toBe(1)
    expect(file.entries()).toEqual(['intent a/1', 'intent b/1', 'settled c/1'])
  })

  test('shares one promise', () => {
    const { journal } = journalWorld()
    expect(journal.begin(call('a'))).toBe(journal.begin(call('b')))
    expect(journal.settle(call('a'))).toBe(journal.settle(call('b')))
  })

  test('that settles and ends a call has one line', async () => {
    const { journal, file } = journalWorld()
    const charge = call('a')
    const settled = journal.settle(charge)
    expect(journal.finish(ended(charge))).toBe(settled)
    await settled
    expect(file.entries()).toEqual(['settled a/1 OK'])
  })

  test('that ends a call settled before has the charge again', async () => {
    const { journal, file } = journalWorld()
    const charge = call('a')
    await journal.settle(charge)
    await journal.finish(ended(charge, 'CANCELLED'))
    expect(file.entries()).toEqual(['settled a/1', 'final a/1 CANCELLED'])
  })
})

describe('cache hits', () => {
  const hit = (model: string, code = 0) => {
    const charge = someCharge({ model, attempt: 0 }, { state: UsageState.CACHED, saved: 60 })
    charge.ending = { code, reason: code ? 'CANCELLED' : '', latency: 1 }
    return charge
  }

  test('are summed for a second, and nobody waits for them', async () => {
    const { journal, file, clock } = journalWorld()
    expect([journal.settle(hit('m')), journal.settle(hit('n')), journal.settle(hit('m'))]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    await clock.advance(1_000)
    await settle()
    expect(file.entries()).toEqual(['hits m 2 120', 'hits n 1 60'])
    expect(clock.waiting).toBe(0)
  })

  test('have their own record when their call failed', async () => {
    const { journal, file } = journalWorld()
    await journal.settle(hit('m', 1))
    expect(file.entries()).toEqual(['settled call/0 CANCELLED'])
  })

  test('have records of their own where each is to be kept', async () => {
    const { journal, file } = journalWorld({ hits: 'rows' })
    await Promise.all([journal.settle(hit('m')), journal.settle(hit('m'))])
    expect(file.entries()).toEqual(['settled call/0 OK', 'settled call/0 OK'])
  })

  test('are written before the journal is closed', async () => {
    const { journal, file } = journalWorld()
    void journal.settle(hit('m'))
    await journal.close()
    expect(file.entries()).toEqual(['hits m 1 60'])
    expect(file.closed).toBe(true)
  })
})

describe('a slow disk', () => {
  test('is written to in the background, one write at a time, after a write of 20 ms', async () => {
    const { journal, file, clock } = journalWorld()
    file.takes = 20
    await journal.settle(call('a'))
    const second = journal.settle(call('b'))
    await settle()
    const grouped = [journal.settle(call('c')), journal.settle(call('d'))]
    await settle()
    void journal.settle(call('e'))
    await settle()
    expect([file.now, file.background, file.pending]).toEqual([1, 1, 1])
    expect(await statusOf(second)).toBe('pending')
    await clock.advance(20)
    expect(await statusOf(second)).toBe('settled')
    expect(await statusOf(grouped[0])).toBe('pending')
    await clock.advance(20)
    expect(await statusOf(grouped[1])).toBe('settled')
    expect([file.now, file.background]).toEqual([1, 2])
    expect(file.entries()).toHaveLength(5)
  })

  test('is written to at once again after a minute of fast writes', async () => {
    const { journal, file, clock } = journalWorld()
    file.takes = 20
    await journal.settle(call('a'))
    file.takes = 1
    for (let seconds = 0; seconds < 62; seconds++) {
      const settled = journal.settle(call('b'))
      await clock.advance(1_000)
      await settled
    }
    const { now } = file
    await journal.settle(call('c'))
    expect(file.now).toBe(now + 1)
  })

  test.each([{ isRemote: true }, { durability: 'power' } as const])('is assumed of %j', async (kind) => {
    const { journal, file, clock } = journalWorld(kind)
    const settled = journal.settle(call('a'))
    await settle()
    await clock.advance(0)
    await settled
    expect([file.now, file.background]).toEqual([0, 1])
  })

  test('keeps nobody waiting for longer than ledger.write_timeout', async () => {
    const { journal, file, clock, states } = journalWorld({ isRemote: true })
    file.takes = Number.POSITIVE_INFINITY
    const first = journal.settle(call('a'))
    await settle()
    await clock.advance(1_000)
    const begun = Promise.resolve(journal.begin(call('b'))).catch((error) => error.reason)
    const later = journal.settle(call('c'))
    await settle()
    await clock.advance(999)
    expect(await statusOf(first)).toBe('pending')
    await clock.advance(1)
    expect(await statusOf(first)).toBe('settled')
    expect(await statusOf(later)).toBe('settled')
    expect(await begun).toBe('LEDGER_UNAVAILABLE')
    expect(states.map(({ healthy }) => healthy)).toEqual([false])
    file.release()
    await clock.advance(0)
    expect(states.map(({ healthy }) => healthy)).toEqual([false, true])
    expect(file.entries()).toEqual(['settled a/1', 'intent b/1', 'settled c/1'])
  })
})

describe('a journal that cannot be written', () => {
  test('refuses attempts, and keeps what has ended until it can be written', async () => {
    const { journal, file, clock, states } = journalWorld()
    file.error = 'ENOSPC: no space left on device, write'
    expect(await statusOf(journal.begin(call('a')))).toBe('LEDGER_UNAVAILABLE')
    expect(() => journal.begin(call('b'))).toThrow(/record/)
    expect(await statusOf(journal.settle(ended(call('c'))))).toBe('settled')
    expect(states).toMatchObject([{ name: 'ledger', healthy: false, message: expect.stringContaining('ENOSPC') }])
    await clock.advance(5_000)
    expect(states).toHaveLength(1)
    file.error = undefined
    await clock.advance(1_000)
    expect(states).toMatchObject([{ healthy: false }, { healthy: true, message: '' }])
    expect(file.entries()).toEqual(['intent a/1', 'settled c/1 OK'])
    await journal.begin(call('d'))
    expect(file.entries()).toHaveLength(3)
  })

  test('has no record of an attempt that it refused', async () => {
    const { journal, file } = journalWorld()
    await journal.settle(ended(call('a', { reason: 'LEDGER_UNAVAILABLE' }), 'LEDGER_UNAVAILABLE'))
    void journal.finish(ended(call('a', { reason: 'LEDGER_UNAVAILABLE' }), 'LEDGER_UNAVAILABLE'))
    await settle()
    expect(file.entries()).toEqual([])
  })

  test('lets calls go on where that is configured, and keeps up to 10,000 lines', async () => {
    const { journal, file, clock } = journalWorld({ onTrouble: 'allow' })
    file.error = 'EIO'
    for (let turn = 0; turn < 12; turn++) {
      const calls = Array.from({ length: 1_000 }, (_, number) => call(`${turn}.${number}`))
      await Promise.all(calls.map((each) => journal.begin(each)))
      await Promise.all(calls.map((each) => journal.settle(ended(each))))
    }
    expect(journal.lost).toBe(14_000)
    file.error = undefined
    await clock.advance(1_000)
    expect(file.entries()).toHaveLength(10_000)
    // The second half of the lines is for attempts that have ended.
    expect(file.entries().slice(5_000)).toEqual(expect.not.arrayContaining([expect.stringContaining('intent')]))
  })

  test('completes a line that was written in part', async () => {
    const { journal, file, clock } = journalWorld()
    file.room = 30
    const settled = journal.settle(call('a'))
    await settle()
    for (let writes = 0; writes < 30; writes++) await clock.advance(0)
    await settled
    file.room = Number.POSITIVE_INFINITY
    await journal.settle(call('b'))
    expect(file.entries()).toEqual(['settled a/1', 'settled b/1'])
  })
})

describe('a journal that is full', () => {
  test('refuses attempts, and records what has ended', async () => {
    const { journal, file, clock, states, journalFacts } = journalWorld({ journalMax: 1_000, size: 1_000 })
    for (let number = 0; number < 10; number++) await journal.settle(call(`${number}`))
    expect(() => journal.begin(call('a'))).toThrow(/record/)
    expect(file.entries()).toHaveLength(10)
    expect(states).toMatchObject([{ healthy: false, message: expect.stringContaining('ledger.journal_max') }])
    journalFacts.size = 500
    await clock.advance(1_000)
    expect(states).toMatchObject([{ healthy: false }, { healthy: true }])
    await journal.begin(call('a'))
    expect(file.entries()).toHaveLength(11)
  })

  test('keeps lines in memory where calls are to go on', async () => {
    const { journal, file, clock, journalFacts } = journalWorld({ journalMax: 1_000, size: 1_000, onTrouble: 'allow' })
    await settle()
    await journal.begin(call('a'))
    await journal.settle(call('a'))
    expect(file.entries()).toEqual([])
    journalFacts.size = 0
    await clock.advance(1_000)
    expect(file.entries()).toEqual(['intent a/1', 'settled a/1'])
  })

  test('is measured again before attempts are refused', async () => {
    const { journal, journalFacts, states } = journalWorld({ journalMax: 1_000 })
    for (let number = 0; number < 10; number++) await journal.begin(call(`${number}`))
    expect(journalFacts.size).toBe(0)
    expect(states).toEqual([])
  })
})

test('a journal that is closed writes what it has', async () => {
  const { journal, file, clock } = journalWorld({ isRemote: true })
  file.takes = 10
  const settled = journal.settle(call('a'))
  const closed = journal.close()
  await clock.advance(10)
  await Promise.all([settled, closed])
  expect(file.entries()).toEqual(['settled a/1'])
  expect([file.closed, clock.waiting]).toEqual([true, 0])
})
