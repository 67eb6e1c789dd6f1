import { create, toBinary } from '@bufbuild/protobuf'
import type { BudgetRule } from '../../src/domain/budgets/budget-rule.ts'
import type { AnyRequest, Call, Operation } from '../../src/domain/calls/call.ts'
import { createCall } from '../../src/domain/calls/facts.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import type { BudgetStatus } from '../../src/domain/ports/money/budgets.ts'
import { type Charge, chargeId } from '../../src/domain/ports/money/ledger.ts'
import type { Reader } from '../../src/domain/streams/event-stream.ts'
import {
  BatchChatRequestSchema,
  type BatchChatResult,
  ChatRequestSchema,
  CompleteRequestSchema,
  EmbedRequestSchema,
  Role,
} from '../../src/domain/types.ts'
import type { Gateway } from '../../src/gateway.ts'
import { ConcurrencyGate } from '../../src/policies/admission/concurrency-gate.ts'
import { BudgetIndex } from '../../src/policies/budgets/budget-index.ts'
import { Connection } from '../../src/providers/http/connection.ts'
import { createHttpProvider } from '../../src/providers/http-provider.ts'
import { LostCalls } from '../../src/server/calls/lost-calls.ts'
import { RequestContext } from '../../src/server/context.ts'
import { createBatchChat } from '../../src/service/batch/batch-chat.ts'
import { MemoryBudgets } from '../../src/stores/budgets/memory-budgets.ts'
import { MemoryCache } from '../../src/stores/cache/memory-cache.ts'
import { MemoryIdempotency } from '../../src/stores/idempotency/memory-idempotency.ts'
import type { JournalEntry } from '../../src/stores/ledger/journal/entry.ts'
import { decodeEntry } from '../../src/stores/ledger/journal/line.ts'
import { callerNamed } from './caller.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { journalWorld } from './journal.ts'
import { type Behaviour, MeteredVendor, meteredPrice, meteredWire } from './metered-vendor.ts'
import { plainSettings } from './plain-wire.ts'
import { slowed } from './slowed-budgets.ts'
import { createTestGateway } from './test-gateway.ts'

/* The real pipeline with a ledger, budgets, a cache and idempotency keys, and callers who do as a plan says. */

/** What one caller does, in ms where times are meant. */
export interface MoneyPlan {
  readonly operation: Operation | 'batch'
  readonly caller: string
  /** Empty for none. */
  readonly userId: string
  /** Index of the question that is asked. */
  readonly asks: number
  readonly arrives: number
  readonly leaves: number | null
  /** Whether its connection is lost when it leaves, without a cancellation. */
  readonly isLost: boolean
  readonly timeout: number | undefined
  /** Whether it shares answers with other callers. */
  readonly isOpen: boolean
  /** Whether it has the idempotency key of its question. */
  readonly isKeyed: boolean
}

/** What is asked, so that callers ask the same. */
export interface Question {
  readonly targets: readonly number[]
  readonly allowReset: boolean
  readonly maxTokens: number | undefined
}

/** Providers whose vendor generates to the end whoever listens. */
const RUNS_ON = 'p1'
/** A line is written at the end of a turn of the loop, and an ending may take two of them: no time passes meanwhile. */
const TURNS = 4

export interface MoneyWorldFacts {
  readonly rules: readonly BudgetRule[]
  readonly behaviours: readonly Behaviour[]
  readonly questions: readonly Question[]
  readonly isCached: boolean
  /** How the ledger keeps what is answered from the cache. */
  readonly hits: 'rollup' | 'rows'
  /** Until budgets answer, in ms; 0 for budgets of this process alone. */
  readonly delay: number
  /** Upstream calls at once, at each provider and in all. */
  readonly most: number
}

/** A call, or an item of a batch. */
interface Begun {
  readonly caller: string
  readonly userId: string
  readonly question: string
}

export class MoneyWorld {
  readonly clock = new FakeClock(TURNS)
  readonly vendors: readonly MeteredVendor[]
  readonly budgets: MemoryBudgets
  readonly gates: readonly ConcurrencyGate[]
  /** Calls and items of batches that reached the pipeline, by their ids. */
  readonly begun = new Map<string, Begun>()
  /** How often each call, and each batch, was told its ending; items of batches by their ids. */
  readonly endings = new Map<string, number>()
  /** Sums of budgets that refuse calls that were above the limit when a charge was settled. */
  readonly overspent: BudgetStatus[] = []
  readonly #journal: ReturnType<typeof journalWorld>
  readonly #gateway: Gateway
  readonly #batchChat: ReturnType<typeof createBatchChat>
  readonly #lost = new LostCalls()
  readonly #questions: readonly Question[]

  constructor({ rules, behaviours, questions, isCached, hits, delay, most }: MoneyWorldFacts) {
    const { clock } = this
    this.#journal = journalWorld({ clock, hits })
    this.#questions = questions
    const next = endless(behaviours)
    this.vendors = ['p0', RUNS_ON, 'p2'].map((name) => new MeteredVendor(clock, name, name === RUNS_ON, next))
    const facts = () => ({ price: meteredPrice })
    const catalogue = { facts, frozen: () => facts, overrides: () => ({}), ids: () => [] }
    const providers = this.vendors.map((vendor, index) => {
      const settings = plainSettings(`p${index}`)
      const onCancel = settings.name === RUNS_ON ? 'runs_on' : 'stops'
      const kind = { ...settings.kind, wire: meteredWire, onCancel } as const
      return createHttpProvider(new Connection({ ...settings, kind }, meteredWire, vendor, clock, catalogue))
    })
    this.budgets = new MemoryBudgets(rules, clock, (account) => {
      const isOver = account.spent + account.reserved > account.limit
      if (isOver && account.key.rule.action === 'refuse') this.overspent.push(account.status())
    })
    const gate = () => new ConcurrencyGate({ clock, limit: most, queue: 100 })
    const gates = { providers: new Map(providers.map(({ name }) => [name, gate()] as const)), process: gate() }
    this.gates = [...gates.providers.values(), gates.process]
    const cacheRules = { enabled: isCached, ttl: 60_000, fallbackTtl: 1_000, maxTemperature: undefined }
    const authenticator = {
      identify: ({ credential = '' }: { credential: string | undefined }) => callerNamed(credential),
    }
    this.#gateway = createTestGateway(clock, providers, {
      authenticator,
      billing: { ledger: this.#journal.journal, priceVersion: () => 'v1' },
      budgets: {
        index: new BudgetIndex(rules),
        budgets: slowed(this.budgets, delay, clock),
        events: { refused() {}, avoided() {}, overrun() {} },
      },
      cache: {
        store: new MemoryCache({ clock, maxEntries: 10, maxBytes: 1 << 20 }),
        observer: { hit() {}, miss() {}, shared() {} },
        clock,
        rules: () => cacheRules,
      },
      idempotency: new MemoryIdempotency({ clock, ttl: 1e9, maxBytes: 1 << 24 }),
      gates,
    })
    this.#batchChat = createBatchChat({
      chat: (call) => this.#gateway.chat(this.#arrived(call)),
      clock,
      authenticator,
      parallel: 2,
      parallelPerCaller: 3,
      maxItemDuration: 600_000,
      maxResultBytes: 1 << 20,
      report() {},
    })
  }

  /** Lets all plans happen, and time pass until nothing can be left of them. */
  async live(plans: readonly MoneyPlan[]): Promise<void> {
    // Some calls arrive before midnight in the zone of the budgets, some after it.
    this.clock.pass(Date.UTC(2023, 10, 14, 23) - 10_000 - this.clock.wall())
    plans.forEach((plan, number) => {
      this.clock.alarm(plan.arrives, () => void this.#call(plan, `call ${number}`))
    })
    await this.clock.advance(1_500_000)
    for (let turn = 0; turn < TURNS; turn++) await settle()
    await this.#journal.journal.close()
  }

  get entries(): readonly JournalEntry[] {
    return this.#journal.file.text.split('\n').flatMap((line) => decodeEntry(line) ?? [])
  }

  /** Each charge as it was last, by its id. */
  get charges(): ReadonlyMap<string, Charge> {
    const charges = new Map<string, Charge>()
    for (const entry of this.entries) if (entry.kind !== 'hits') charges.set(chargeId(entry.charge.facts), entry.charge)
    return charges
  }

  #arrived<R extends AnyRequest>(call: Call<R>): Call<R> {
    const { context, request } = call
    this.begun.set(context.requestId, {
      caller: context.credential ?? '',
      userId: request.userId,
      question: questionOf(request),
    })
    return call
  }

  async #call(plan: MoneyPlan, requestId: string): Promise<void> {
    const { leaves, timeout, isLost, isKeyed, asks, caller } = plan
    const { bytes, open } = this.#prepare(plan)
    const context = new RequestContext(
      this.clock,
      {
        requestId,
        credential: caller,
        idempotencyKey: isKeyed ? `key-${asks}` : undefined,
        peer: '',
        timeout,
        maxDuration: 600_000,
        requestBytes: () => bytes,
        header: () => undefined,
      },
      () => {},
    )
    if (leaves !== null) {
      this.clock.alarm(leaves, () => {
        const goesOn = isLost && context.lose(this.#lost)
        if (!goesOn) context.cancel(new GatewayError('CANCELLED', 'The client disconnected.'))
      })
    }
    try {
      await this.#read(requestId, await open(context))
    } catch {
      this.#ended(requestId)
    }
    context.close()
  }

  #prepare(plan: MoneyPlan): Prepared {
    const { chat, complete, embed } = this.#gateway
    const { operation, asks, userId } = plan
    const cache = plan.isOpen ? { namespace: 'open' } : undefined
    const fieldsOf = (index: number) => {
      const { targets = [0], allowReset = false, maxTokens } = this.#questions[index] ?? {}
      const [model = '', ...fallbackModels] = targets.map((target) => `p${target}/m`)
      return { model, fallbackModels, allowReset, maxTokens, userId, cache }
    }
    const text = `question ${asks}`
    const fields = fieldsOf(asks)
    const { model } = fields
    const asking = (index: number) => ({
      ...fieldsOf(index),
      messages: [{ role: Role.USER, content: `question ${index}` }],
    })
    switch (operation) {
      case 'embed': {
        const request = create(EmbedRequestSchema, { model, userId, inputs: ['a', 'b', 'c', text, 'e'] })
        const open = (context: RequestContext) => embed(this.#arrived(createCall(operation, request, context)))
        return { bytes: toBinary(EmbedRequestSchema, request), open }
      }
      case 'batch': {
        const requests = [asks, asks, asks + 1].map(asking)
        const request = create(BatchChatRequestSchema, { requests })
        return {
          bytes: toBinary(BatchChatRequestSchema, request),
          open: (context) => this.#batchChat(request, context),
        }
      }
      case 'complete':
      case 'stream_complete': {
        const request = create(CompleteRequestSchema, { ...fields, prompt: text })
        const open = (context: RequestContext) => complete(this.#arrived(createCall(operation, request, context)))
        return { bytes: toBinary(CompleteRequestSchema, request), open }
      }
      default: {
        const request = create(ChatRequestSchema, asking(asks))
        const open = (context: RequestContext) => chat(this.#arrived(createCall(operation, request, context)))
        return { bytes: toBinary(ChatRequestSchema, request), open }
      }
    }
  }

  #read(requestId: string, events: Readable): Promise<void> {
    return new Promise((resolve) => {
      events.read({
        event: (event) => {
          if (isBatchResult(event)) this.#ended(`${requestId}-${event.index}`)
          return true
        },
        end: () => {
          this.#ended(requestId)
          resolve()
        },
      })
    })
  }

  #ended(id: string): void {
    this.endings.set(id, (this.endings.get(id) ?? 0) + 1)
  }
}

/** A stream of whatever events. */
interface Readable {
  read(reader: Reader<unknown>): void
}

interface Prepared {
  readonly bytes: Uint8Array
  open(context: RequestContext): Promise<Readable>
}

function isBatchResult(event: unknown): event is BatchChatResult {
  return typeof event === 'object' && event !== null && 'index' in event
}

/** What the vendor's books call the question. */
function questionOf(request: AnyRequest): string {
  if ('prompt' in request) return request.prompt
  return 'messages' in request ? (request.messages[0]?.content ?? '') : request.userId
}

function* endless<T>(values: readonly T[]): Generator<T> {
  while (true) yield* values
}
