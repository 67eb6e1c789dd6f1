import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Charge } from '../../../../src/domain/ports/money/ledger.ts'
import type { ChargeEntry, JournalEntry } from '../../../../src/stores/ledger/journal/entry.ts'
import { decodeEntry, encodeEntry } from '../../../../src/stores/ledger/journal/line.ts'
import { someCharge } from '../../../support/charges.ts'

const text = fc.string({ unit: 'binary' }).map((any) => any.toWellFormed())
const count = fc.option(fc.nat(), { nil: undefined })
const nano = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const charges: fc.Arbitrary<Charge> = fc.record({
  facts: fc.record({
    callId: fc.uuid(),
    attempt: fc.nat(9),
    part: fc.nat(9),
    time: fc.nat(2 ** 42),
    operation: fc.constantFrom('Chat', 'Embed'),
    caller: text,
    userId: text,
    sessionId: text,
    labels: fc.dictionary(text, text, { noNullPrototype: true }),
    alias: text,
    provider: text,
    model: text,
    keyId: text,
    priceVersion: text,
  }),
  outcome: fc.record({
    state: fc.integer({ min: 1, max: 6 }),
    tokens: fc.record({ input: count, output: count, cachedInput: count, cacheWrite: count, reasoning: count }),
    cost: fc.option(
      fc.oneof(
        fc.record({ input: nano, output: nano }),
        fc.record({ input: nano, output: nano, tierUnknown: fc.constant(true) }),
      ),
      { nil: undefined },
    ),
    saved: fc.option(nano, { nil: undefined }),
    code: fc.nat(16),
    reason: text,
    upstreamLatency: fc.double({ min: 0, max: 1e7, noNaN: true }).map(Math.abs),
  }),
  ending: fc.option(fc.record({ code: fc.nat(16), reason: text, latency: fc.nat() }), { nil: undefined }),
  shares: fc.array(fc.record({ budget: text, subject: text, windowStart: fc.nat(), nano })),
})
const entries: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc.record({ kind: fc.constantFrom('intent', 'settled', 'final'), charge: charges }),
  fc.record({
    kind: fc.constant('hits'),
    time: fc.nat(),
    operation: text,
    caller: text,
    userId: text,
    alias: text,
    provider: text,
    model: text,
    hits: fc.nat(),
    saved: nano,
  }),
)

describe('a line of the journal', () => {
  test('returns every entry as it was', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const line = encodeEntry(entry)
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(decodeEntry(line.slice(0, -1))).toEqual(entry)
      }),
    )
  })

  test('is a checksum and a JSON array', () => {
    const entry: ChargeEntry = { kind: 'settled', charge: someCharge({ userId: 'übermut\n' }) }
    expect(encodeEntry(entry)).toMatch(/^[0-9a-f]{8} \["s","call",1,0,.*übermut\\n.*\]\n$/)
  })

  test('is recognised as damaged after any change of a byte', () => {
    const line = Buffer.from(encodeEntry({ kind: 'intent', charge: someCharge() }).slice(0, -1))
    for (let at = 0; at < line.length; at++) {
      for (const bit of [1, 4, 128]) {
        const damaged = Buffer.from(line)
        damaged[at] = (damaged[at] ?? 0) ^ bit
        expect(decodeEntry(damaged.toString()), `bit ${bit} of byte ${at}`).toBeUndefined()
      }
    }
  })

  test.each(['', 'x', '00000000 ', '00000000 []', 'no line at all'])('is not %j', (line) => {
    expect(decodeEntry(line)).toBeUndefined()
  })
})
