import type { CallContext } from '../../domain/calls/call.ts'
import type { CallRecord } from '../../domain/calls/call-record.ts'
import { ChildContext } from '../../domain/calls/child-context.ts'
import type { Payers, PayingCall, Shared } from '../../domain/calls/facts.ts'
import type { Clock } from '../../domain/clock.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import { originOf } from '../../domain/errors/reasons.ts'
import type { NanoDollars } from '../../domain/money.ts'
import type { CacheAddress } from '../../domain/ports/cache.ts'
import type { EventStream } from '../../domain/streams/event-stream.ts'
import type { Handler } from '../../domain/streams/follow.ts'
import type { ChatEvent } from '../../domain/types.ts'
import { sizeOf } from '../sharing/event-size.ts'
import { SharedCall, type SharedResult } from '../sharing/shared-call.ts'
import { cachedFinish, cachedStart, costBeyond } from './replay.ts'

export interface SharedTextOptions {
  readonly clock: Clock
  /** Where the response is stored. */
  readonly address: CacheAddress
  /** `record`: what happened to the shared call. */
  ended(result: SharedResult<ChatEvent>, record: CallRecord): void
  /** No further call may join. */
  closed(): void
  /** A call that does not pay was answered. */
  shared(usd: number | undefined): void
}

/**
 * A shared call, and who pays for it: the call that began it, even if it has left; where its budgets bear no more, the
 * next one whose budgets do.
 */
export class SharedText implements Payers {
  readonly sharedCall: SharedCall<ChatEvent>
  successor: PayingCall | undefined
  readonly #options: SharedTextOptions
  readonly #first: CallContext
  /** Calls that were not asked to pay, in order of arrival. */
  readonly #candidates: PayingCall[] = []
  /** Why calls that were asked cannot pay. */
  readonly #refusals = new Map<CallContext, GatewayError>()
  /** What others pay of the response that the successor pays for. */
  #paid: NanoDollars = 0

  constructor(first: CallContext, options: SharedTextOptions) {
    this.#options = options
    this.#first = first
    const { clock } = options
    this.sharedCall = new SharedCall<ChatEvent>(first, new ChildContext(first), {
      clock,
      sizeOf,
      forJoined: (event, context) => this.#forJoined(event, context),
      isForAll: isAboutProvider,
      errorFor: (error, context) => this.#errorFor(error, context),
      ended: (result) => options.ended(result, this.sharedCall.record),
      closed: () => options.closed(),
    })
  }

  start<C extends PayingCall>(next: Handler<C & Shared, ChatEvent>, call: C): Promise<void> {
    return this.sharedCall.start(next, { ...call, payers: this })
  }

  /** As `SharedCall.join`. */
  join(call: PayingCall): Promise<EventStream<ChatEvent> | undefined> {
    if (call.context !== this.#first) this.#candidates.push(call)
    return this.sharedCall.join(call)
  }

  nextPayer(): PayingCall | undefined {
    let candidate = this.#candidates.shift()
    while (candidate && !this.sharedCall.has(candidate.context)) candidate = this.#candidates.shift()
    return candidate
  }

  refused({ context }: PayingCall, error: GatewayError): void {
    this.#refusals.set(context, error)
  }

  handOver(call: PayingCall, paid: NanoDollars, error: GatewayError): void {
    const before = this.#payer
    this.successor = call
    this.#paid = paid
    this.sharedCall.dismiss(before, error)
  }

  /** Context of the call that pays now. */
  get #payer(): CallContext {
    return this.successor?.context ?? this.#first
  }

  /** Calls that do not pay are answered as from the cache. */
  #forJoined(event: ChatEvent, context: CallContext): ChatEvent {
    const { address, shared } = this.#options
    if (event.event.case === 'start') return cachedStart(event.event.value, context, address.id)
    // What others pay is for a response that is void: of the next one the successor pays all.
    if (event.event.case === 'reset') this.#paid = 0
    if (event.event.case !== 'finish') return event
    const finish = event.event.value
    const { cost } = finish
    const pays = context === this.successor?.context
    const part = pays && cost ? costBeyond(cost, this.#paid) : undefined
    if (!pays) shared(cost?.usd)
    context.record.leaveAttempts()
    context.record.pays = true
    return cachedFinish(finish, context, finish.route?.cacheId ?? '', part)
  }

  /** What a budget has left is for those alone whose spending it counts. */
  #errorFor(error: GatewayError, context: CallContext): GatewayError {
    if (error.reason !== 'BUDGET_EXCEEDED' || context === this.#payer) return error
    const message = 'No budget of the callers that share this response bears more of it.'
    return this.#refusals.get(context) ?? new GatewayError('BUDGET_EXCEEDED', message)
  }
}

/** A vendor's error goes to all calls that share one; a refusal by a rule of the gateway concerns one of them. */
function isAboutProvider({ reason, facts }: GatewayError): boolean {
  return originOf(reason) === 'provider' || facts.upstream !== undefined
}
