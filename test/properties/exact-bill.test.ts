import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCall } from '../../src/domain/calls/facts.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import type { Charge } from '../../src/domain/ports/money/ledger.ts'
import { chargeId } from '../../src/domain/ports/money/ledger.ts'
import { ChatRequestSchema, EmbedRequestSchema, Role, UsageState } from '../../src/domain/types.ts'
import type { Gateway } from '../../src/gateway.ts'
import { Connection } from '../../src/providers/http/connection.ts'
import { createHttpProvider } from '../../src/providers/http-provider.ts'
import { RequestContext } from '../../src/server/context.ts'
import { MemoryCache } from '../../src/stores/cache/memory-cache.ts'
import type { HitsEntry, JournalEntry } from '../../src/stores/ledger/journal/entry.ts'
import { decodeEntry } from '../../src/stores/ledger/journal/line.ts'
import { type Behaviour, BillingUpstream, billingWire, listedPrice, type Served } from '../support/billing-upstream.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { journalWorld } from '../support/journal.ts'
import { plainSettings } from '../support/plain-wire.ts'
import { createTestGateway } from '../support/test-gateway.ts'

/*
 * An independent accountant: the upstream keeps books of what it served, at its own prices. Whatever callers and the
 * upstream do, the ledger has one record for each request that the upstream saw, written down before it was sent; where
 * the usage was reported, the costs agree to the nano-dollar; every other record says that it is an estimate, or free.
 */

/** A line is written at the end of a turn of the loop, and an ending may take two of them: no time passes meanwhile. */
const TURNS = 4

const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 200, 400, 401, 429, 500),
  words: fc.integer({ min: 0, max: 6 }),
  ending: fc.constantFrom('done', 'done', 'done', 'cut', 'error', 'break', 'stall', 'garbage'),
  reports: fc.constantFrom('early', 'late', 'late', 'never'),
  wait: fc.constantFrom(0, 1, 50, 4_000),
})

const caller = fc.record({
  operation: fc.constantFrom('chat', 'stream_chat', 'stream_chat', 'embed'),
  /** Equal questions share a call, or are answered from the cache. */
  question: fc.integer({ min: 0, max: 4 }),
  arrives: fc.constantFrom(0, 0, 3, 9_990, 20_000),
  targets: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 3 }),
  /** In ms after its arrival. */
  leaves: fc.option(fc.constantFrom(0, 1, 51, 200, 5_000), { freq: 3 }),
  timeout: fc.constantFrom(undefined, undefined, 40, 5_000),
  allowReset: fc.boolean(),
})
type Caller = typeof caller extends fc.Arbitrary<infer T> ? T : never

const world = fc.record({
  behaviours: fc.array(behaviour, { minLength: 1, maxLength: 30 }),
  callers: fc.array(caller, { minLength: 10, maxLength: 20 }),
  cached: fc.boolean(),
})

test('the ledger agrees with the books of the upstream', async () => {
  let calls = 0
  await fc.assert(
    fc.asyncProperty(world, async (facts) => {
      calls += facts.callers.length
      await live(facts)
    }),
    { numRuns: 1_000 },
  )
  expect(calls).toBeGreaterThanOrEqual(10_000)
}, 600_000)

async function live({ behaviours, callers, cached }: typeof world extends fc.Arbitrary<infer T> ? T : never) {
  const { clock, journal, file } = journalWorld({ clock: new FakeClock(TURNS) })
  const entries = () => file.text.split('\n').flatMap((line) => decodeEntry(line) ?? [])
  const ofKind = (kind: JournalEntry['kind']) => entries().filter((entry) => entry.kind === kind)
  const next = endless(behaviours)
  const upstream = new BillingUpstream(clock, next, () => {
    expect(ofKind('intent').length, 'lines before a request is sent').toBeGreaterThan(upstream.served.length)
  })
  const facts = () => ({ price: listedPrice(clock.now()) })
  const catalogue = {
    facts,
    frozen: () => {
      const known = facts()
      return () => known
    },
    overrides: () => ({}),
    ids: () => [],
  }
  const providers = ['p0', 'p1', 'p2'].map((name) => {
    const settings = plainSettings(name)
    const kind = { ...settings.kind, wire: billingWire, ...(name === 'p1' && { onCancel: 'runs_on' as const }) }
    return createHttpProvider(new Connection({ ...settings, kind }, billingWire, upstream, clock, catalogue))
  })
  const rules = { enabled: true, ttl: 60_000, fallbackTtl: 1_000, maxTemperature: undefined }
  const store = new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20 })
  const gateway = createTestGateway(clock, providers, {
    billing: { ledger: journal, priceVersion: () => 'v1' },
    cache: cached ? { store, observer: { hit() {}, miss() {}, shared() {} }, clock, rules: () => rules } : undefined,
  })
  callers.forEach((plan, number) => {
    clock.alarm(plan.arrives, () => void call(gateway, plan, `call ${number}`))
  })
  await clock.advance(1_500_000)
  for (let turn = 0; turn < TURNS; turn++) await settle()
  await journal.close()

  expect(upstream.open, 'open upstream calls').toBe(0)
  const charges = settledCharges(entries())
  audit(upstream.served, [...charges.values()])
  expectFinals(callers.length, [...charges.values()], ofKind('hits') as HitsEntry[])

  async function call(gateway: Gateway, plan: Caller, requestId: string): Promise<void> {
    const { operation, question, targets, leaves, timeout, allowReset } = plan
    const context = new RequestContext(
      clock,
      {
        requestId,
        credential: undefined,
        peer: '',
        timeout,
        maxDuration: 600_000,
        requestBytes: () => new Uint8Array(),
        header: () => undefined,
      },
      () => {},
    )
    if (leaves !== null) {
      clock.alarm(leaves, () => context.cancel(new GatewayError('CANCELLED', 'The client disconnected.')))
    }
    const [model = '', ...fallbackModels] = targets.map((target) => `p${target}/m`)
    const text = `question ${question}`
    const messages = [{ role: Role.USER, content: text }]
    try {
      const events =
        operation === 'embed'
          ? await gateway.embed(
              createCall(
                'embed',
                create(EmbedRequestSchema, { model, userId: text, inputs: ['a', 'b', 'c', text, 'e'] }),
                context,
              ),
            )
          : await gateway.chat(
              createCall(
                operation,
                create(ChatRequestSchema, { model, fallbackModels, messages, allowReset }),
                context,
              ),
            )
      await new Promise<void>((resolve) => events.read({ event: () => true, end: () => resolve() }))
    } catch {
      // The caller learns why; the accountant does not mind.
    }
    context.close()
  }
}

/** One charge for each id, as it was last; the journal has each once before, once after, and perhaps its ending. */
function settledCharges(entries: readonly JournalEntry[]): Map<string, Charge> {
  const intents = new Set<string>()
  const charges = new Map<string, Charge>()
  for (const entry of entries) {
    if (entry.kind === 'hits') continue
    const id = chargeId(entry.charge.facts)
    if (entry.kind === 'intent') {
      expect(intents, 'a second intent').not.toContain(id)
      intents.add(id)
    } else if (entry.kind === 'settled') {
      expect([...charges.keys()], 'a second settlement').not.toContain(id)
      charges.set(id, entry.charge)
    } else {
      expect(charges.get(id)?.ending, 'the ending of a settled charge').toBeUndefined()
      expect(charges.has(id), 'an ending of nothing').toBe(true)
      charges.set(id, entry.charge)
    }
  }
  for (const id of intents) expect(charges.has(id), `${id} is settled`).toBe(true)
  return charges
}

/** Compares the charges with what the upstream served. */
function audit(served: readonly Served[], charges: readonly Charge[]): void {
  const seen = charges.filter(({ facts }) => facts.attempt > 0)
  const settled = seen.filter(({ outcome }) => outcome.state === UsageState.SETTLED)
  const told = served.filter(({ received, reports }) => received === 'complete' && reports)
  const ascending = (a: number, b: number) => a - b
  expect(settled.map(nanoOf).toSorted(ascending), 'costs of reported usage').toEqual(
    told.map(({ nano }) => nano).toSorted(ascending),
  )
  // The vendor refused it, or failed before it said a word.
  const free = served.filter(({ received }) => received === 'refusal' || received === 'vendor error')
  const estimated = seen.filter(({ outcome }) => outcome.state === UsageState.ESTIMATED)
  expect(estimated, 'estimates').toHaveLength(served.length - told.length - free.length)
  for (const { outcome } of estimated) expect(outcome.tokens.input, 'tokens of an estimate').toBeGreaterThan(0)
  const others = charges.filter((charge) => !settled.includes(charge) && !estimated.includes(charge))
  for (const charge of others) {
    expect([UsageState.NO_CHARGE, UsageState.CACHED]).toContain(charge.outcome.state)
    expect(nanoOf(charge), 'cost of nothing').toBe(0)
  }
}

/** Every call has one final record, or is among the cache hits. */
function expectFinals(calls: number, charges: readonly Charge[], hits: readonly HitsEntry[]): void {
  const finals = charges.filter(({ ending }) => ending).map(({ facts }) => facts.callId)
  expect(new Set(finals).size, 'final records of different calls').toBe(finals.length)
  expect(finals.length + hits.reduce((sum, { hits }) => sum + hits, 0), 'final records and hits').toBe(calls)
}

function nanoOf({ outcome: { cost } }: Charge): number {
  return cost ? cost.input + cost.output : Number.NaN
}

function* endless<T>(values: readonly T[]): Generator<T> {
  while (true) yield* values
}
