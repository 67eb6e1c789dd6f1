import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Operation, TextRequest } from '../../src/domain/calls/call.ts'
import { createCall } from '../../src/domain/calls/facts.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { ByteBudget } from '../../src/domain/limits/byte-budget.ts'
import type { RateLimits } from '../../src/domain/limits/limits.ts'
import type { KeyStatus } from '../../src/domain/ports/keys.ts'
import type { Limiter } from '../../src/domain/ports/limiter.ts'
import type { Telemetry } from '../../src/domain/ports/operations/telemetry.ts'
import type { Provider } from '../../src/domain/ports/provider.ts'
import type { EventStream, Watcher } from '../../src/domain/streams/event-stream.ts'
import type { AnyEvent } from '../../src/domain/streams/events.ts'
import { foldChat, foldComplete } from '../../src/domain/streams/fold.ts'
import { follow } from '../../src/domain/streams/follow.ts'
import {
  AttemptOutcome,
  type ChatEvent,
  ChatRequestSchema,
  CompleteRequestSchema,
  ContextOverflow,
  Role,
} from '../../src/domain/types.ts'
import type { Gateway } from '../../src/gateway.ts'
import { ConcurrencyGate } from '../../src/policies/admission/concurrency-gate.ts'
import { Circuits } from '../../src/policies/breaker/circuits.ts'
import type { LimitParts } from '../../src/policies/limits/limited.ts'
import { Planner } from '../../src/policies/planning/planner.ts'
import { RetryBudget } from '../../src/policies/retrying/retry-budget.ts'
import { Connection } from '../../src/providers/http/connection.ts'
import { createHttpProvider } from '../../src/providers/http-provider.ts'
import { RequestContext } from '../../src/server/context.ts'
import { MemoryCache } from '../../src/stores/cache/memory-cache.ts'
import { MemoryLimiter } from '../../src/stores/limits/memory-limiter.ts'
import { callerNamed } from '../support/caller.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { plainSettings } from '../support/plain-wire.ts'
import { type Script, ScriptedUpstream, type Step } from '../support/scripted-upstream.ts'
import { createTestGateway } from '../support/test-gateway.ts'

/*
 * Whatever callers and upstreams do, at rest nothing is left: every watcher and every caller was told one ending, and
 * no timer, listener, attempt, retry, upstream call, place, reservation or permit is still open, and no key is in use.
 */

/** Index of the upstream that makes summaries. */
const SUMMARIZER = 4
/** Tokens of the other upstreams' windows, and a conversation that is longer. */
const WINDOW = 1_000
const LONG = Array.from({ length: 20 }, (_, index) => ({
  role: index % 2 === 0 ? Role.USER : Role.ASSISTANT,
  content: `${index} ${'some words that were said before '.repeat(10)}`,
}))
const WORDS = 'one two three four five six seven eight nine ten eleven twelve'.split(/(?<= )/)

// What upstreams do.
const ENDINGS = [
  'done',
  'done late',
  'done twice',
  'done then error',
  'cut',
  'error',
  'break',
  'stall',
  'garbage',
] as const
type Ending = (typeof ENDINGS)[number]
const wait = fc.constantFrom(0, 0, 1, 5, 50, 15_000, 90_000)
const frame = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const DONE = frame({ done: true })
const ERROR = frame({ e: 'overloaded' })

/** What an upstream answers whoever tries a quarantined key. */
const MODELS: Script = {
  status: 200,
  contentType: 'application/json',
  steps: [
    { wait: 0, act: { send: '{}' } },
    { wait: 0, act: 'end' },
  ],
}

const ENDING_STEPS: Record<Ending, Step['act'][]> = {
  done: [{ send: DONE }, 'end'],
  'done late': [{ send: DONE }, 'stall'],
  'done twice': [{ send: DONE + DONE }, 'end'],
  'done then error': [{ send: DONE + ERROR }, 'end'],
  cut: ['end'],
  error: [{ send: ERROR }, 'stall'],
  break: ['break'],
  stall: ['stall'],
  garbage: [{ send: 'data: {"t":"ha' }, 'end'],
}

/** A script, and what it should lead to. */
interface Upstream {
  readonly script: Script
  readonly words: readonly string[]
  /** `refused`: the call goes no further. `failed`: it may, if nothing was said. */
  readonly outcome: 'ok' | 'failed' | 'refused' | 'stalled'
  readonly longestPause: number
  /** From the request to the end, in ms. */
  readonly duration: number
}

const speaking: fc.Arbitrary<Upstream> = fc
  .record({
    count: fc.integer({ min: 0, max: WORDS.length }),
    ending: fc.oneof(fc.constantFrom(...ENDINGS), fc.constant<Ending>('done')),
    oneChunk: fc.boolean(),
    waits: fc.oneof(
      fc.array(wait, { minLength: 14, maxLength: 14 }),
      wait.map((each) => Array(14).fill(each)),
    ),
  })
  .map(({ count, ending, oneChunk, waits }) => {
    const words = WORDS.slice(0, count)
    const texts = words.map((word) => frame({ t: word }))
    const sends = oneChunk ? [texts.join('')] : texts
    const acts: Step['act'][] = [
      ...sends.filter((send) => send !== '').map((send) => ({ send })),
      ...ENDING_STEPS[ending],
    ]
    const steps = acts.map((act, index) => ({ wait: waits[index] ?? 0, act }))
    return {
      script: { status: 200, contentType: 'text/event-stream', steps },
      words,
      outcome: ending.startsWith('done') ? 'ok' : ending === 'stall' ? 'stalled' : 'failed',
      longestPause: Math.max(0, ...steps.slice(1).map((step) => step.wait)),
      duration: steps.reduce((sum, step) => sum + step.wait, 0),
    }
  })

const answering: fc.Arbitrary<Upstream> = fc
  .tuple(fc.constantFrom(200, 400, 401, 429, 500, 503), wait)
  .map(([status, wait]) => ({
    script: {
      status,
      contentType: 'application/json',
      steps: [
        { wait, act: { send: '{"t":"one "}' } },
        { wait: 0, act: 'end' as const },
      ],
    },
    words: status === 200 ? ['one '] : [],
    outcome: status === 200 ? 'ok' : status === 400 ? 'refused' : 'failed',
    longestPause: 0,
    duration: wait,
  }))

// What callers do.
const caller = fc.record({
  streamed: fc.boolean(),
  /** Whether it asks for a text completion. */
  completes: fc.boolean(),
  /** Whether it asks with a conversation that is too long for every target, to be summarized. */
  summarizes: fc.constantFrom(false, false, true),
  arrives: fc.constantFrom(0, 0, 3, 20_000),
  targets: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
  /** Leaves after so many ms, or when an upstream has just said something, and so many turns of the microtask queue. */
  leaves: fc.option(fc.tuple(fc.constantFrom('says' as const, 'says' as const, 0, 1, 5, 51, 20_000), fc.nat(12)), {
    freq: 2,
  }),
  timeout: fc.constantFrom(undefined, undefined, 40, 10_000, 30_000),
  /** Is full after so many events, for so many ms; for ever when undefined. */
  stallsAfter: fc.option(fc.integer({ min: 0, max: 4 }), { freq: 2 }),
  stallsFor: fc.constantFrom<number | undefined>(1, 50, 70_000, undefined),
  known: fc.constantFrom(true, true, true, true, true, false),
  allowReset: fc.boolean(),
})
type CallerPlan = typeof caller extends fc.Arbitrary<infer T> ? T : never

// What callers may ask for.
const limits: fc.Arbitrary<RateLimits> = fc.record(
  {
    window: fc.constantFrom(10, 60_000),
    requests: fc.integer({ min: 1, max: 3 }),
    tokens: fc.constantFrom(1, 1_500, 100_000),
    concurrent: fc.integer({ min: 1, max: 2 }),
  },
  { requiredKeys: ['window'] },
)
const limited = fc.record({
  caller: fc.option(limits, { nil: undefined, freq: 2 }),
  provider: fc.option(limits, { nil: undefined, freq: 2 }),
  /** Whether whoever counts is elsewhere, and takes so many turns of the microtask queue. */
  turns: fc.nat(3),
})

const world = fc.record({
  limited,
  /** The last one makes summaries. */
  upstreams: fc.array(fc.oneof({ weight: 2, arbitrary: speaking }, answering), { minLength: 5, maxLength: 5 }),
  callers: fc.array(caller, { minLength: 1, maxLength: 5 }),
  /** With a cache equal questions at the same time are one, and later ones need nobody. */
  cached: fc.boolean(),
  /** Calls at once at one provider, and in all; undefined bounds nothing. */
  most: fc.option(fc.record({ atOne: fc.integer({ min: 1, max: 2 }), atAll: fc.integer({ min: 1, max: 3 }) }), {
    nil: undefined,
    freq: 2,
  }),
  queue: fc.integer({ min: 0, max: 3 }),
  random: fc.constantFrom(0, 0.5, 0.999),
  /** How many calls it takes to open a circuit: with few it happens all the time, with many never. */
  minCalls: fc.constantFrom(1, 3, 1_000, 1_000),
})

test('whatever callers and upstreams do, every ending is told once and nothing is left open', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ callers, ...facts }) => {
      await new World(facts).live(callers)
    }),
    { numRuns: 1_500 },
  )
}, 120_000)

interface Ear {
  ends: number
  heardAfter: boolean
  finished: boolean
  error: GatewayError | undefined
}

type WorldFacts = Omit<typeof world extends fc.Arbitrary<infer T> ? T : never, 'callers'>

class World {
  readonly #clock = new FakeClock()
  readonly #ears: Ear[] = []
  readonly #replies = new ByteBudget(2 ** 20)
  readonly #plans: readonly Upstream[]
  readonly #upstreams: ScriptedUpstream[]
  readonly #providers: readonly Provider[]
  readonly #gates: readonly ConcurrencyGate[]
  readonly #gateway: Gateway
  readonly #limiter: MemoryLimiter
  readonly #cached: boolean
  readonly #budget = new RetryBudget()
  /** Whether it can be told beforehand which targets are asked. */
  readonly #isForeseen: boolean
  #active = 0

  constructor({ upstreams, limited, cached, most, queue, random, minCalls }: WorldFacts) {
    const clock = this.#clock
    this.#isForeseen = minCalls === 1_000
    this.#cached = cached
    const rules = { enabled: true, ttl: 60_000, fallbackTtl: 1_000, maxTemperature: undefined }
    const store = new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20 })
    const observer = { hit() {}, miss() {}, shared() {} }
    const cache = cached ? { store, observer, clock, rules: () => rules } : undefined
    this.#limiter = new MemoryLimiter({ clock })
    this.#plans = upstreams
    this.#upstreams = upstreams.map(
      ({ script }) => new ScriptedUpstream(clock, ({ method }) => (method === 'GET' ? MODELS : script)),
    )
    const providers = this.#upstreams.map((upstream, index) => {
      const settings = { ...plainSettings(`p${index}`), keys: ['first-key', 'second-key'] }
      const facts = index < SUMMARIZER ? { contextWindow: WINDOW } : {}
      const catalogue = { facts: () => facts, frozen: () => () => facts, overrides: () => ({}), ids: () => [] }
      return createHttpProvider(
        new Connection(settings, requireWire(settings), upstream, clock, catalogue, this.#replies),
      )
    })
    this.#providers = providers
    const gate = (limit: number) => new ConcurrencyGate({ clock, limit, queue })
    const gates = {
      providers: new Map(most ? providers.map(({ name }) => [name, gate(most.atOne)] as const) : []),
      process: most && gate(most.atAll),
    }
    this.#gates = [...gates.providers.values(), ...(gates.process ? [gates.process] : [])]
    const callers = {
      identify({ credential }: { credential: string | undefined }) {
        if (credential) return callerNamed(credential, { limits: limited.caller })
        throw new GatewayError('UNAUTHENTICATED', 'Who are you?')
      },
    }
    const parts: LimitParts = {
      limiter: slowed(this.#limiter, limited.turns),
      events: { limitReached() {} },
      shadow: false,
    }
    const ofProviders = new Map<string, RateLimits>()
    for (const { name } of providers) if (limited.provider) ofProviders.set(name, limited.provider)
    this.#gateway = createTestGateway(clock, providers, {
      planner: plannerOf(providers),
      telemetry: this.#telemetry(),
      authenticator: callers,
      cache,
      random: () => random,
      limits: { ...parts, aliases: new Map(), providers: ofProviders },
      gates,
      circuits: new Circuits(clock, { minCalls }),
      retryBudget: this.#budget,
      between: (next) => (call) => follow(next, call, this.#ear()),
    })
  }

  async live(plans: readonly CallerPlan[]): Promise<void> {
    const lives = plans.map((plan) => this.#call(plan, plans.length === 1, this.#gates.length > 0))
    // The longest road: four targets that each stall, a reader that stalls, and the gateway's own longest duration.
    await this.#clock.advance(1_500_000)
    for (const life of lives) life.verify(this.#isForeseen ? this.#plans : undefined)
    for (const ear of this.#ears) {
      expect(ear, 'an ear hears one ending, and nothing after').toMatchObject({ ends: 1, heardAfter: false })
      if (!ear.error) expect(ear.finished, 'an ending without error comes after finish').toBe(true)
    }
    expect(this.#active, 'active calls and attempts').toBe(0)
    expect(this.#budget, 'calls and retries under way').toEqual({ calls: 0, retries: 0 })
    expect(this.#clock.waiting, 'timers').toBe(0)
    expect(this.#limiter.active, 'places and reservations').toBe(0)
    for (const upstream of this.#upstreams) expect(upstream.open, 'open upstream calls').toBe(0)
    expect(this.#replies.held, 'bytes of replies').toBe(0)
    const paid = lives.filter((life) => life.paid).length
    const sent = this.#upstreams.reduce((sum, upstream) => sum + upstream.sent, 0)
    expect(paid, 'answers that were paid').toBeLessThanOrEqual(sent)
    for (const gate of this.#gates) expect(gate, 'permits and waiters').toMatchObject({ active: 0, waiting: 0 })
    for (const key of this.#keys()) expect(key, 'keys in use').toMatchObject({ active: 0, state: 'available' })
  }

  /** Timers that are nobody's call: each quarantined key has one. */
  #probes(): number {
    return this.#keys().filter(({ state }) => state === 'quarantined').length
  }

  #keys(): KeyStatus[] {
    return this.#providers.flatMap(({ keys }) => keys?.list() ?? [])
  }

  #call(plan: CallerPlan, alone: boolean, bounded: boolean) {
    const clock = this.#clock
    const [first = 0, ...others] = plan.targets
    const summarizes = plan.summarizes && !plan.completes
    const fields = {
      model: summarizes ? `summarized-${first}` : `p${first}/m`,
      fallbackModels: others.map((target) => `p${target}/m`),
      allowReset: plan.allowReset,
    }
    const completion = create(CompleteRequestSchema, { ...fields, prompt: 'count' })
    const messages = [...(summarizes ? LONG : []), { role: Role.USER, content: 'count' }]
    const question = create(ChatRequestSchema, { ...fields, messages })
    const context = new RequestContext(
      clock,
      {
        requestId: 'id',
        credential: plan.known ? 'someone' : undefined,
        peer: '',
        timeout: plan.timeout,
        maxDuration: 600_000,
        requestBytes: () =>
          plan.completes ? toBinary(CompleteRequestSchema, completion) : toBinary(ChatRequestSchema, question),
        header: () => undefined,
      },
      () => {},
    )
    const client = new Client(clock, context, plan, {
      upstreams: alone ? this.#upstreams : [],
      mayShare: this.#cached,
      bounded: (bounded && !alone) || summarizes,
      probes: () => this.#probes(),
    })
    for (const upstream of this.#upstreams) {
      const others = upstream.onSend
      upstream.onSend = () => {
        others()
        client.hears()
      }
    }
    const { chat, complete } = this.#gateway
    const asked: Asked = plan.completes
      ? {
          open: () => complete(callOf(plan.streamed ? 'stream_complete' : 'complete', completion)),
          fold: async (events) => foldComplete(events),
        }
      : {
          open: () => chat(callOf(plan.streamed ? 'stream_chat' : 'chat', question)),
          fold: async (events) => {
            const { message, route } = await foldChat(events)
            return { text: message?.content ?? '', ...(route && { route }) }
          },
        }
    function callOf<R extends TextRequest>(operation: Operation, request: R) {
      return createCall(operation, request, context)
    }
    clock.alarm(plan.arrives, () => void client.run(asked))
    return client
  }

  #ear(): Watcher<AnyEvent> {
    const ear: Ear = { ends: 0, heardAfter: false, finished: false, error: undefined }
    this.#ears.push(ear)
    return {
      event({ event }) {
        if (ear.ends > 0) ear.heardAfter = true
        if (event.case === 'finish') ear.finished = true
      },
      end(error) {
        ear.ends++
        ear.error = error
      },
    }
  }

  #telemetry(): Telemetry {
    const count = (): Watcher<AnyEvent> => {
      this.#active++
      return { end: () => void this.#active-- }
    }
    return {
      begin: () => ({ ...count(), retried() {}, queued() {}, attempt: () => ({ ...count(), traceparent: undefined }) }),
    }
  }
}

/** One question, and its answer as a whole. */
interface Asked {
  open(): Promise<EventStream<ChatEvent>>
  fold(
    events: EventStream<ChatEvent>,
  ): Promise<{ readonly text: string; readonly route?: { readonly cached: boolean } | undefined }>
}

interface Surroundings {
  readonly upstreams: readonly ScriptedUpstream[]
  readonly mayShare: boolean
  readonly bounded: boolean
  readonly probes: () => number
}

/** Someone who calls, reads, stalls and leaves, and remembers what it was told. */
class Client {
  readonly #clock: FakeClock
  readonly #context: RequestContext
  readonly #plan: CallerPlan
  /** All there are, if nobody else calls; else none. */
  readonly #upstreams: readonly ScriptedUpstream[]
  /** Whether it may be answered by another call's question. */
  readonly #mayShare: boolean
  /** Whether its answer was another call's. */
  known = false
  /** Whether others may keep it waiting or out. */
  readonly #bounded: boolean
  readonly #probes: () => number
  #endings = 0
  #error: GatewayError | undefined
  #finished = false
  #text = ''
  #full = false
  #arrived = false
  #leaving = false
  #complaint: unknown
  #left = false

  constructor(
    clock: FakeClock,
    context: RequestContext,
    plan: CallerPlan,
    { upstreams, mayShare, bounded, probes }: Surroundings,
  ) {
    this.#clock = clock
    this.#mayShare = mayShare
    this.#context = context
    this.#plan = plan
    this.#upstreams = upstreams
    this.#bounded = bounded
    this.#probes = probes
  }

  async run({ open, fold }: Asked): Promise<void> {
    const { leaves, streamed } = this.#plan
    this.#arrived = true
    if (leaves && leaves[0] !== 'says') this.#clock.alarm(leaves[0], () => void this.#leave(leaves[1]))
    try {
      const events = await open()
      if (streamed) await this.#read(events)
      else {
        const { text, route } = await fold(events)
        this.known = route?.cached ?? false
        this.#reported(undefined, text)
      }
    } catch (error) {
      this.#reported(GatewayError.from(error), '')
    }
    this.#context.close()
  }

  /** An upstream has just said something, perhaps to this caller. */
  hears(): void {
    const { leaves } = this.#plan
    if (this.#arrived && leaves?.[0] === 'says') void this.#leave(leaves[1])
  }

  #read(events: EventStream<ChatEvent>): Promise<void> {
    const { stallsAfter, stallsFor } = this.#plan
    let taken = 0
    return new Promise((resolve) => {
      events.read({
        event: ({ event }) => {
          expect(this.#full, 'an event for a reader that is full').toBe(false)
          expect(this.#endings, 'an event after the ending').toBe(0)
          expect(this.#finished, 'an event after finish').toBe(false)
          expect(event.case === 'start', 'a start comes first, and once').toBe(taken === 0)
          if (event.case === 'text') this.#text += event.value.text
          if (event.case === 'reset') {
            expect(this.#plan.allowReset, 'reset only for who allowed it').toBe(true)
            this.#text = ''
          }
          if (event.case === 'finish') {
            this.#finished = true
            this.known = event.value.route?.cached ?? false
          }
          this.#full = taken++ === stallsAfter
          if (this.#full && stallsFor !== undefined) {
            this.#clock.alarm(stallsFor, () => {
              this.#full = false
              events.resume()
            })
          }
          return !this.#full
        },
        end: (error) => {
          this.#reported(error, this.#text)
          resolve()
        },
      })
    })
  }

  async #leave(turns: number): Promise<void> {
    if (this.#leaving) return
    this.#leaving = true
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    if (this.#endings > 0) return
    this.#left = true
    this.#context.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
    // A pending call settles in promises, an open stream at once: neither needs time.
    await settle()
    try {
      expect(this.#endings, 'the caller that left is told at once').toBe(1)
      // A vendor that was through already, with this call or with a summary for it, may take its 5 s to end the reply.
      const isAnyThrough = this.#context.record.attempts.some(({ outcome }) => outcome === AttemptOutcome.OK)
      if (!isAnyThrough) this.#expectClosed('upstream calls of a caller that left')
    } catch (complaint) {
      this.#complaint ??= complaint
    }
  }

  #reported(error: GatewayError | undefined, text = ''): void {
    this.#endings++
    this.#error = error
    this.#text = text
    if (!error && !this.#plan.streamed) this.#finished = true
    this.#clock.alarm(5_001, () => this.#expectClosed('upstream calls 5 s after the ending'))
  }

  #expectClosed(what: string): void {
    for (const upstream of this.#upstreams) expect(upstream.open, what).toBe(0)
    if (this.#upstreams.length > 0) expect(this.#clock.waiting - this.#probes(), `timers beside ${what}`).toBe(0)
  }

  /** Whether it was told an answer of its own. */
  get paid(): boolean {
    return this.#finished && !this.#error && !this.known
  }

  /** Without `upstreams` only what holds whatever they do. */
  verify(upstreams: readonly Upstream[] | undefined): void {
    const { leaves, timeout, known, stallsAfter, stallsFor, streamed } = this.#plan
    const reason = this.#error?.reason
    if (this.#complaint) throw this.#complaint
    expect(this.#endings, 'endings told to the caller').toBe(1)
    expect(this.#context.cancellation.size, 'listeners').toBe(0)
    if (!this.#error) expect(this.#finished, 'OK only after finish').toBe(true)
    if (reason === 'CANCELLED') expect(this.#left, 'CANCELLED only for who left').toBe(true)
    if (this.#left && leaves?.[1] === 0 && leaves[0] !== 'says') expect(reason).toBe('CANCELLED')
    expect(reason).not.toBe('INTERNAL')
    for (const { outcome } of this.#context.record.attempts) expect(outcome).not.toBe(AttemptOutcome.UNSPECIFIED)
    const patient =
      !this.#left && timeout === undefined && !(streamed && stallsAfter !== null && stallsFor === undefined)
    const { attempts } = this.#context.record
    const isLimited = reason === 'RATE_LIMITED' || attempts.some((attempt) => attempt.reason === 'RATE_LIMITED')
    if (!known) expect(this.#left || reason === 'UNAUTHENTICATED').toBe(true)
    else if (isLimited) expect(WORDS.join('').startsWith(this.#text), 'text without gap').toBe(true)
    else if (patient && upstreams && !this.#bounded)
      this.#verifyOutcome(this.#plan.targets.map((target) => upstreams[target] as Upstream)) // 0 to 3
    else expect(WORDS.join('').startsWith(this.#text), 'text without gap').toBe(true)
  }

  /** Who neither leaves nor hurries nor stalls for ever is told what the upstreams said, to the word. */
  #verifyOutcome(targets: readonly Upstream[]): void {
    const { allowReset } = this.#plan
    const last = targets.find(
      ({ words, outcome }) => outcome === 'ok' || outcome === 'refused' || (words.length > 0 && !allowReset),
    )
    const decisive = last ?? targets.at(-1)
    const asked = new Set(this.#context.record.attempts.map(({ provider }) => provider)).size
    // A vendor that is asked without streaming may be silent as long as the call may take.
    const slow = ({ outcome, longestPause }: Upstream) => outcome === 'stalled' || longestPause > 60_000
    if ((!this.#plan.streamed || this.#mayShare) && targets.slice(0, asked).some(slow)) return
    if (allowReset && !isInTime(targets)) return
    expect(this.#error?.code, `${this.#error?.message}`).not.toBe('DEADLINE_EXCEEDED')
    if (!decisive) return
    if (this.known) {
      expect(targets.map(({ words }) => words.join(''))).toContain(this.#text)
      return
    }
    expect(asked, 'targets asked').toBe(targets.indexOf(decisive) + 1)
    if (this.#plan.streamed && decisive.longestPause > 60_000) return // may be given up, or may have been paused
    expect(this.#error === undefined, `${this.#error?.message}`).toBe(decisive.outcome === 'ok')
    this.#verifyText(decisive, targets.slice(0, asked))
    if (!this.#error && this.#endsByItself(decisive)) {
      const answered = this.#upstreams[this.#plan.targets[asked - 1] ?? 0]
      expect(answered?.aborted ?? 0, 'connections that could have been used again').toBe(0)
    }
  }

  /** Of an answer that failed a stream's reader keeps what the last target said that said anything. */
  #verifyText(decisive: Upstream, asked: readonly Upstream[]): void {
    const { allowReset, streamed } = this.#plan
    const said = allowReset && this.#error ? asked.findLast(({ words }) => words.length > 0) : decisive
    if (streamed || !this.#error) expect(this.#text).toBe((said?.words ?? []).join(''))
  }

  #endsByItself({ script }: Upstream): boolean {
    const last = script.steps.at(-1)
    return last?.act === 'end' && last.wait <= 50
  }
}

/** As if it were elsewhere. */
function slowed(limiter: Limiter, turns: number): Limiter {
  if (turns === 0) return limiter
  return {
    async reserve(...call) {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      return limiter.reserve(...call)
    },
  }
}

/** Whether every target may be asked to its end: none pauses for too long, nor do all together take too long. */
function isInTime(targets: readonly Upstream[]): boolean {
  const all = targets.reduce(
    (sum, { duration, outcome }) => sum + 2 * duration + (outcome === 'stalled' ? 120_000 : 0),
    0,
  )
  return all < 550_000 && targets.every(({ longestPause }) => longestPause <= 60_000)
}

/** An alias for each target, whose conversations are summarized by the last upstream. */
function plannerOf(providers: readonly Provider[]): Planner {
  const conversation = { overflow: ContextOverflow.SUMMARIZE, summarizeWith: 'brief' }
  const aliases = providers.map(({ name }, index) => ({
    name: `summarized-${index}`,
    targets: [{ target: `${name}/m` }],
    conversation,
  }))
  const brief = { name: 'brief', targets: [{ target: `p${SUMMARIZER}/m` }] }
  return new Planner({ providers, aliases: [...aliases, brief], tasks: {}, priority: [], defaults: {} })
}

function requireWire(settings: ReturnType<typeof plainSettings>) {
  if (!settings.kind.wire) throw new Error('the plain kind has a wire')
  return settings.kind.wire
}
