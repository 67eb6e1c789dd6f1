import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Operation } from '../../src/domain/calls/call.ts'
import { createCall } from '../../src/domain/calls/facts.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import type { Ask, Provider } from '../../src/domain/ports/provider.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import { type AnyEvent, textEvent } from '../../src/domain/streams/events.ts'
import { streamOf } from '../../src/domain/streams/stream-of.ts'
import { ChatRequestSchema, EmbedRequestSchema } from '../../src/domain/types.ts'
import { Circuits } from '../../src/policies/breaker/circuits.ts'
import { SafetyLocks } from '../../src/policies/routing/safety-locks.ts'
import { ProviderKeyPool } from '../../src/providers/credentials/key-pool.ts'
import { failedReply } from '../../src/providers/failures/failed-reply.ts'
import { networkError } from '../../src/providers/failures/network-error.ts'
import type { VendorError } from '../../src/providers/failures/vendor-error.ts'
import { kinds } from '../../src/providers/index.ts'
import { callerNamed } from '../support/caller.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createTestGateway, testContext } from '../support/test-gateway.ts'

/*
 * The innocent caller: however the other callers behave, and whatever a vendor answers to their requests, a caller
 * whose own requests the vendor would answer gets the answers that it would get alone, from the same target.
 */

/** What a vendor answers to a request because of what is in it. */
interface Harm {
  readonly name: string
  readonly status: number
  readonly error?: VendorError
  /** Instead of a reply. */
  readonly instead?: 'stalls' | 'breaks off' | 'resets after headers'
}

const HARMS: readonly Harm[] = [
  {
    name: 'invalid',
    status: 400,
    error: { message: "Invalid schema: 'invalid api key' is no type", type: 'invalid_request_error' },
  },
  {
    name: 'words of a refused key',
    status: 400,
    error: { message: 'Incorrect API key provided in the field x, says the caller' },
  },
  { name: 'words of a spent credit', status: 400, error: { message: 'credit balance is too low, says the caller' } },
  {
    name: 'payment',
    status: 402,
    error: { message: 'This request requires more credits, or fewer max_tokens.', code: '402' },
  },
  { name: 'forbidden', status: 403, error: { message: 'You do not have permission to access the File abc.' } },
  { name: 'flagged', status: 403, error: { message: 'Content violates usage guidelines.' } },
  { name: 'gone', status: 404, error: { message: 'The file abc was not found.' } },
  { name: 'too large', status: 413, error: { message: 'Too large.' } },
  {
    name: 'larger than the limit',
    status: 429,
    error: { message: 'Request too large for m: Limit 30000, Requested 52000', code: 'rate_limit_exceeded' },
  },
  { name: 'passed on, 401', status: 401, error: { message: 'Provider returned error', relayed: true } },
  {
    name: 'passed on, 429',
    status: 429,
    error: { message: 'Provider returned error', relayed: true, retryAfter: 60_000 },
  },
  { name: 'crash', status: 500, error: { message: 'Internal error' } },
  {
    name: 'crash of a proxy with the error of the vendor',
    status: 503,
    error: { message: 'Overloaded by this request' },
  },
  { name: 'conflict', status: 409, error: { message: 'Conflict' } },
  { name: 'stalls', status: 0, instead: 'stalls' },
  { name: 'breaks off', status: 0, instead: 'breaks off' },
  { name: 'resets after headers', status: 0, instead: 'resets after headers' },
]

const KINDS = ['openai', 'groq', 'xai', 'openrouter', 'anthropic', 'gemini', 'local'] as const
const OPERATIONS: readonly Operation[] = ['chat', 'stream_chat', 'embed']

const step = fc.record({
  caller: fc.constantFrom('a', 'a', 'a', 'c', 'innocent'),
  harm: fc.integer({ min: 0, max: HARMS.length - 1 }),
  /** Bad callers repeat themselves, or vary what they send. */
  variant: fc.integer({ min: 0, max: 9 }),
  times: fc.constantFrom(1, 3, 12, 25),
  model: fc.constantFrom('m', 'n'),
  operation: fc.constantFrom(...OPERATIONS),
  hasFallback: fc.boolean(),
  pause: fc.constantFrom(0, 0, 10, 1_000, 6_000, 40_000),
})

class World {
  readonly clock = new FakeClock()
  readonly changes: string[] = []
  readonly #signs
  readonly #local
  readonly #provider: Provider
  readonly #gateway

  constructor(kind: string, keys: number) {
    const { failures = [], local = false } = kinds.find((each) => each.kind === kind) ?? {}
    this.#signs = failures
    this.#local = local
    const { clock } = this
    const pool = new ProviderKeyPool({
      provider: 'p',
      keyIds: Array.from({ length: keys }, (_, index) => `k${index}`),
      clock,
      probe: async () => {},
      events: { keyChanged: ({ change }) => this.changes.push(change) },
    })
    this.#provider = this.#fake('p', (ask) => this.#answer(ask), { keys: pool })
    const spare = this.#fake('spare', async (ask) => this.#well(ask), {})
    const names: Record<string, string> = {}
    this.#gateway = createTestGateway(clock, [this.#provider, spare], {
      authenticator: { identify: ({ credential = '' }) => callerNamed(credential) },
      circuits: new Circuits(clock),
      locks: new SafetyLocks({
        clock,
        spares: [{ provider: 'p', target: { provider: spare, model: 'm', defaults: names } }],
        events: { safetyLockChanged: () => this.changes.push('safety lock') },
      }),
    })
  }

  /** The provider that answered, or the reason of the error. */
  async ask(caller: string, operation: Operation, model: string, words: string, hasFallback = false): Promise<string> {
    const context = testContext(this.clock, {
      credential: caller,
      deadline: this.clock.now() + (hasFallback ? 20_000 : 600_000),
      requestBytes: Buffer.from(words),
    })
    const target = `p/${model}`
    const answering =
      operation === 'embed'
        ? this.#gateway.embed(
            createCall(operation, create(EmbedRequestSchema, { model: target, inputs: [words] }), context),
          )
        : this.#gateway.chat(
            createCall(
              operation,
              create(ChatRequestSchema, {
                model: target,
                messages: [{ role: 1, content: words }],
                ...(hasFallback && { fallbackModels: ['spare/m'] }),
              }),
              context,
            ),
          )
    let outcome: string | undefined
    const settled = (answering as Promise<EventStream<AnyEvent>>).then(
      (events) =>
        new Promise<string>((resolve) => {
          const { provider = '' } = context.record.attempts.at(-1) ?? {}
          events.read({ event: () => true, end: (error) => resolve(error?.reason ?? provider) })
        }),
      (thrown) => GatewayError.from(thrown).reason,
    )
    void settled.then((done) => {
      outcome = done
    })
    while (outcome === undefined) await this.clock.advance(500)
    return outcome
  }

  #fake(name: string, answer: (ask: Ask<never>) => Promise<EventStream<AnyEvent>>, more: Partial<Provider>): Provider {
    const facts = { name, kind: name, capabilities: [], keyIds: [], describe: () => ({}), catalogue: () => ['m', 'n'] }
    // Only what the request pipeline looks at.
    return { ...facts, chat: answer, embed: answer, ...more } as unknown as Provider
  }

  async #answer(ask: Ask<never>): Promise<EventStream<AnyEvent>> {
    const text = Buffer.from(ask.context.requestBytes).toString()
    const index = /^harm (\d+)/.exec(text)?.[1]
    const harm = index === undefined ? undefined : HARMS[Number(index)]
    return harm ? this.#harmed(ask, harm) : this.#well(ask)
  }

  #well({ context, attempt }: Ask<never>): EventStream<AnyEvent> {
    context.record.succeed(attempt)
    return streamOf<AnyEvent>(context.cancellation, [textEvent('ok')])
  }

  async #harmed(ask: Ask<never>, { status, error, instead }: Harm): Promise<EventStream<AnyEvent>> {
    const { model, context, attempt } = ask
    const peer = { provider: 'p', model, assumed: false }
    if (instead === 'resets after headers') throw networkError(peer, new Error('cut'), { replied: true, reused: false })
    if (instead === 'breaks off') {
      const events = new EventStream<AnyEvent>(context.cancellation, { pause() {}, resume() {}, cancel() {} })
      events.push(textEvent('half'))
      events.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'broke off'))
      return events
    }
    if (instead === 'stalls') {
      const wait = Math.min(ask.firstEventBy, context.deadline) - this.clock.now()
      await new Promise<void>((resolve) => this.clock.alarm(Math.max(0, Math.min(wait, 120_000)), resolve))
      throw new GatewayError('UPSTREAM_TIMEOUT', 'stalled', ask.isShare && wait <= 120_000 ? { blame: 'request' } : {})
    }
    attempt.status = status
    const reply = { provider: 'p', model, status, signs: this.#signs, local: this.#local, headers: {}, error, now: 0 }
    throw failedReply({ ...reply, isVendors: true })
  }
}

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function live(world: World, { caller, harm, variant, times, model, operation, hasFallback, pause }: Step) {
  if (caller === 'innocent') expect(await world.ask('innocent', operation, model, 'hello')).toBe('p')
  for (let made = 0; made < times && caller !== 'innocent'; made++) {
    const words = `harm ${harm} ${variant > 4 ? `variant ${made}` : ''}`
    await world.ask(caller, operation, model, words, hasFallback && operation !== 'embed')
  }
  await world.clock.advance(pause)
}

test('what others do, and what a vendor answers to them, changes nothing for a caller whose requests are answered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...KINDS),
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { minLength: 1, maxLength: 12 }),
      async (kind, keys, steps) => {
        const world = new World(kind, keys)
        for (const each of steps) await live(world, each)
        for (const model of ['m', 'n']) {
          for (const operation of OPERATIONS) expect(await world.ask('innocent', operation, model, 'hello')).toBe('p')
        }
        expect(world.changes).toEqual([])
      },
    ),
    { numRuns: 150 },
  )
})

test('a caller that shares nothing but the provider is answered after each harm alone, 25 times', async () => {
  for (const [index, { name }] of HARMS.entries()) {
    for (const varied of [false, true]) {
      const world = new World('openai', 2)
      for (let made = 0; made < 25; made++) {
        await world.ask('a', 'stream_chat', 'm', `harm ${index} ${varied ? made : ''}`, true)
      }
      expect(await world.ask('innocent', 'stream_chat', 'm', 'hello'), name).toBe('p')
      expect(world.changes, name).toEqual([])
    }
  }
})

test('a share of its own deadline that runs out again and again leaves out not even its caller', async () => {
  const world = new World('openai', 2)
  const stalls = HARMS.findIndex(({ instead }) => instead === 'stalls')
  const asked = Array.from({ length: 25 }, (_, made) =>
    world.ask('a', 'stream_chat', 'm', `harm ${stalls} ${made}`, true),
  )
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['spare']))
  expect(await world.ask('a', 'stream_chat', 'm', 'hello')).toBe('p')
})
