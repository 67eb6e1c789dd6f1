import { create } from '@bufbuild/protobuf'
import { type BudgetRule, defaultBudget } from '../../src/domain/budgets/budget-rule.ts'
import type { Call } from '../../src/domain/calls/call.ts'
import { createCall } from '../../src/domain/calls/facts.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { costOf, type ModelPrice } from '../../src/domain/money.ts'
import type { OperatorEventSubscriber } from '../../src/domain/ports/operations/operator-events.ts'
import type { Ask, Provider } from '../../src/domain/ports/provider.ts'
import { EventStream } from '../../src/domain/streams/event-stream.ts'
import { finishEvent, startEvent, textEvent } from '../../src/domain/streams/events.ts'
import { foldChat } from '../../src/domain/streams/fold.ts'
import {
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  FinishReason,
  Role,
  UsageSchema,
} from '../../src/domain/types.ts'
import type { Gateway, GatewayParts } from '../../src/gateway.ts'
import { BudgetIndex } from '../../src/policies/budgets/budget-index.ts'
import { BudgetReporter } from '../../src/policies/budgets/budget-reporter.ts'
import { MemoryBudgets } from '../../src/stores/budgets/memory-budgets.ts'
import { MemoryLedger } from '../../src/stores/ledger/memory-ledger.ts'
import { OperatorEventHub } from '../../src/telemetry/operator-event-hub.ts'
import { callerNamed } from './caller.ts'
import type { FakeClock } from './fake-clock.ts'
import { createTestGateway, testContext } from './test-gateway.ts'

/** A million nano-dollars for each output token; the input is free unless it has a price. */
export function priceOf(output = 1_000_000, input = 0): ModelPrice {
  return {
    bill: (usage) => ({ input: (usage.input ?? 0) * input, output: (usage.output ?? 0) * output }),
    list: { input: input / 1_000, output: output / 1_000 },
  }
}

export function budget(facts: Partial<BudgetRule> & Pick<BudgetRule, 'name'>): BudgetRule {
  return { ...defaultBudget, scope: 'global', labels: {}, window: 'day', limit: 1_000_000_000, ...facts }
}

/** A vendor whose responses the test generates token by token. */
export class TokenVendor {
  readonly asks: Ask<ChatRequest>[] = []
  readonly streams: EventStream<ChatEvent>[] = []
  readonly cancelled: string[] = []
  /** Output tokens that are reported of a cancelled response, in place of what was generated. */
  reported: number | undefined
  readonly provider: Provider

  constructor(name = 'vendor', price = priceOf(), facts: Partial<Provider> = {}) {
    const chat = async (ask: Ask<ChatRequest>) => {
      ask.attempt.sent = true
      this.asks.push(ask)
      const stream = new EventStream<ChatEvent>(ask.context.cancellation, {
        pause() {},
        resume() {},
        cancel: (reason) => {
          ask.attempt.usage = usageOf(ask, this.reported ?? this.#said.get(stream) ?? 0, true)
          this.cancelled.push(reason.reason)
        },
      })
      this.streams.push(stream)
      stream.push(startEvent(ask.context.requestId, undefined))
      return stream
    }
    // The pipeline asks a provider for nothing else.
    this.provider = {
      name,
      kind: 'test',
      baseUrl: '',
      keyIds: [],
      capabilities: [],
      catalogue: () => ['m'],
      describe: () => ({ price }),
      chat,
      ...facts,
    } as unknown as Provider
  }

  readonly #said = new Map<EventStream<ChatEvent>, number>()

  /** The largest response that the vendor was asked for, of each request. */
  get maxTokens(): (number | undefined)[] {
    return this.asks.map(({ request }) => request.maxTokens)
  }

  /** Generates tokens, as many as `max_tokens` allows. Returns whether that is reached. */
  say(tokens: number, index = this.streams.length - 1): boolean {
    const [stream, ask] = this.#at(index)
    const most = ask.request.maxTokens ?? Number.POSITIVE_INFINITY
    for (let count = 0; count < tokens; count++) {
      const said = this.#said.get(stream) ?? 0
      if (said >= most) return true
      this.#said.set(stream, said + 1)
      ask.attempt.committed = true
      stream.push(textEvent('tok '))
    }
    return (this.#said.get(stream) ?? 0) >= most
  }

  /** Ends a response with what was generated; `tokens` are reported in place of it. */
  finish(index = this.streams.length - 1, tokens?: number, reason: 'stop' | 'length' = 'stop'): void {
    const [stream, ask] = this.#at(index)
    const said = tokens ?? this.#said.get(stream) ?? 0
    const usage = usageOf(ask, said)
    ask.attempt.usage = usage
    ask.context.record.succeed(ask.attempt)
    const bill = this.provider.describe(ask.model).price?.bill(usage)
    stream.push(
      finishEvent({
        finishReason: reason === 'stop' ? FinishReason.STOP : FinishReason.LENGTH,
        rawFinishReason: reason,
        usage,
        cost: bill && costOf(bill, false),
        route: ask.context.record.route(ask.attempt, '', ''),
      }),
    )
    stream.end()
  }

  /** A response breaks off. */
  breakOff(index: number): void {
    const [stream, ask] = this.#at(index)
    ask.attempt.usage = usageOf(ask, this.#said.get(stream) ?? 0, true)
    stream.end(new GatewayError('UPSTREAM_STREAM_TRUNCATED', 'The vendor broke off.'))
  }

  #at(index: number): [EventStream<ChatEvent>, Ask<ChatRequest>] {
    const [stream, ask] = [this.streams[index], this.asks[index]]
    if (!stream || !ask) throw new Error(`there is no request ${index}`)
    return [stream, ask]
  }
}

function usageOf(_ask: Ask<ChatRequest>, output: number, estimated = false) {
  return create(UsageSchema, { input: 10, output, total: 10 + output, estimated })
}

export interface Asking {
  readonly caller?: string
  readonly streamed?: boolean
  readonly request?: Parameters<typeof create<typeof ChatRequestSchema>>[1]
}

/** A call under way. */
export interface Asked {
  readonly call: Call<ChatRequest>
  /** The response, or the error. */
  readonly ended: Promise<ChatResponse | GatewayError>
}

/** The real pipeline with budgets, a ledger in memory, and vendors in hand. */
export function budgetWorld(
  clock: FakeClock,
  rules: readonly BudgetRule[],
  vendors: readonly TokenVendor[],
  more: Partial<GatewayParts> = {},
) {
  const hub = new OperatorEventHub()
  const heard: [string, ...unknown[]][] = []
  const listen = (name: keyof OperatorEventSubscriber) => ({
    [name]: (...args: unknown[]) => heard.push([name, ...args]),
  })
  hub.subscribe({
    ...listen('budgetThreshold'),
    ...listen('budgetExceeded'),
    ...listen('providerAvoided'),
    ...listen('budgetOverrun'),
  })
  const reporter = new BudgetReporter(hub)
  const budgets = new MemoryBudgets(rules, clock, (sum) => reporter.settled(sum))
  const ledger = new MemoryLedger({ clock, timeZone: 'UTC' })
  let caller = 'web'
  const gateway: Gateway = createTestGateway(
    clock,
    vendors.map(({ provider }) => provider),
    {
      authenticator: { identify: () => callerNamed(caller) },
      billing: { ledger, priceVersion: () => 'v' },
      budgets: { index: new BudgetIndex(rules), budgets, events: reporter },
      ...more,
    },
  )
  let calls = 0
  const ask = ({ caller: who = 'web', streamed = true, request = {} }: Asking = {}): Asked => {
    caller = who
    const message = create(ChatRequestSchema, {
      model: 'vendor/m',
      messages: [{ role: Role.USER, content: 'hello' }],
      ...request,
    })
    const context = testContext(clock, { requestId: `call-${++calls}` })
    const call = createCall(streamed ? 'stream_chat' : 'chat', message, context)
    const ended = gateway
      .chat(call)
      .then(foldChat)
      .catch((error: unknown) => GatewayError.from(error))
    return { call, ended }
  }
  const sums = () =>
    Object.fromEntries(
      budgets
        .list()
        .map(({ budget, subject, spent, reserved }) => [
          subject === '' ? budget : `${budget}:${subject}`,
          [spent, reserved],
        ]),
    )
  return { ask, budgets, ledger, heard, sums }
}
