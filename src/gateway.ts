import type { AnyRequest, Call, Caller } from './domain/calls/call.ts'
import type { Authenticated, Billed, Kept, Observed, Planned, Routed, Shared, Target } from './domain/calls/facts.ts'
import { Chain, type Policy, unchanged } from './domain/chain.ts'
import type { Clock } from './domain/clock.ts'
import type { RateLimits } from './domain/limits/limits.ts'
import type { Authenticator } from './domain/ports/authenticator.ts'
import type { IdempotencyStore } from './domain/ports/idempotency.ts'
import type { TargetForecast } from './domain/ports/money/forecast.ts'
import type { Telemetry } from './domain/ports/operations/telemetry.ts'
import type { Ask, Provider } from './domain/ports/provider.ts'
import type { EventStream } from './domain/streams/event-stream.ts'
import type { AnyEvent, EmbedEvent } from './domain/streams/events.ts'
import type { Handler } from './domain/streams/follow.ts'
import type { ChatEvent, ChatRequest, CompleteRequest, EmbedRequest } from './domain/types.ts'
import { admitToProcess, admitToProvider, type Gates } from './policies/admission/admit.ts'
import { authenticate } from './policies/authenticate.ts'
import { authorize, permitted } from './policies/authorize.ts'
import { balance, balanced } from './policies/balancing/balance.ts'
import { keepSession } from './policies/balancing/keep-session.ts'
import { Latencies } from './policies/balancing/latencies.ts'
import { measure } from './policies/balancing/measure.ts'
import { Sessions } from './policies/balancing/sessions.ts'
import { bill } from './policies/billing/bill.ts'
import type { BillingParts } from './policies/billing/call-bill.ts'
import { record } from './policies/billing/record.ts'
import { breaker } from './policies/breaker/breaker.ts'
import type { Circuits } from './policies/breaker/circuits.ts'
import type { BudgetParts } from './policies/budgets/budget-parts.ts'
import { reserve } from './policies/budgets/reserve.ts'
import { cacheTexts } from './policies/cache/cache-texts.ts'
import type { CacheParts } from './policies/cache/cache-use.ts'
import { cacheVectors } from './policies/cache/cache-vectors.ts'
import { callProvider } from './policies/call-provider.ts'
import { fitContext } from './policies/conversations/fit-context.ts'
import { KeptSummaries } from './policies/conversations/summaries/kept-summaries.ts'
import { Summarizer } from './policies/conversations/summaries/summarizer.ts'
import { trimTexts } from './policies/conversations/trim-texts.ts'
import { countExactly } from './policies/estimating/count-exactly.ts'
import { Estimator } from './policies/estimating/estimator.ts'
import { forecast } from './policies/estimating/forecast.ts'
import { runOnce } from './policies/idempotency/run-once.ts'
import { type CallLimits, limit, limitSideCall } from './policies/limits/limit.ts'
import { limitProvider } from './policies/limits/limit-provider.ts'
import type { LimitParts } from './policies/limits/limited.ts'
import { observe } from './policies/observe.ts'
import { plan } from './policies/planning/plan.ts'
import type { Planner } from './policies/planning/planner.ts'
import { type RetryTools, retry } from './policies/retrying/retry.ts'
import type { RetryBudget } from './policies/retrying/retry-budget.ts'
import { type AttemptBound, attemptBound } from './policies/routing/attempt-bound.ts'
import { route } from './policies/routing/route.ts'
import { safetyLock } from './policies/routing/safety-lock.ts'
import type { SafetyLocks } from './policies/routing/safety-locks.ts'
import type { SideCall } from './policies/side-call.ts'
import { useKeys } from './policies/use-keys.ts'
import { validate } from './policies/validate.ts'

/** Dependencies of the request pipeline. */
export interface GatewayParts {
  readonly telemetry: Telemetry
  readonly authenticator: Authenticator
  readonly planner: Planner
  /** Undefined when there is no cache. */
  readonly cache: CacheParts | undefined
  /** Undefined when costs are not recorded. */
  readonly billing?: BillingParts | undefined
  /** Undefined when there are no budgets. They are settled by the ledger: there must be one. */
  readonly budgets?: BudgetParts | undefined
  /** Remembers idempotency keys. Without it they have no effect. */
  readonly idempotency?: IdempotencyStore | undefined
  readonly clock: Clock
  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
  readonly limits: CallLimits & LimitParts & { readonly providers: ReadonlyMap<string, RateLimits> }
  /** Bounds on the number of upstream calls under way. */
  readonly gates: Gates
  readonly circuits: Circuits
  readonly locks: SafetyLocks
  readonly retryBudget: RetryBudget
  /** Whether the gateway is about to stop; it then starts no further attempts. */
  readonly isEnding: () => boolean
  /** Maximum number of upstream attempts of one call; undefined for the default of `attemptBound`. */
  readonly maxAttempts?: number | undefined
  /** Inserted after every policy; tests use it to watch each step. */
  readonly between?: Policy<unknown>
  /** Checks of the request; they throw INVALID_REQUEST. */
  readonly validate: {
    chat(request: ChatRequest): void
    complete(request: CompleteRequest): void
    embed(request: EmbedRequest): void
  }
}

export interface Gateway {
  /** What a chat would cost at each target that it may be sent to, in order. Rejects as such a call does. */
  forecast(call: Call<ChatRequest>, caller: Caller): Promise<readonly TargetForecast[]>
  /** A vendor's own count of a chat's input tokens; undefined where it cannot be had. */
  countTokens(call: Call<ChatRequest>, caller: Caller, target: Target): Promise<number | undefined>
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  /** Handles text completions. Of the events of a chat, only the text comes. */
  readonly complete: Handler<Call<CompleteRequest>, ChatEvent>
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
}

export function createGateway(parts: GatewayParts): Gateway {
  const { cache, clock, random, isEnding } = parts
  const bound = attemptBound(parts.maxAttempts)
  const shared = {
    ...parts,
    bound,
    latencies: new Latencies(clock),
    sessions: new Sessions(clock),
    estimator: new Estimator(),
    retries: { clock, random, budget: parts.retryBudget, isEnding, bound },
  }
  return {
    async forecast(call, caller) {
      parts.validate.chat(call.request)
      const planned = { ...call, caller, targets: parts.planner.targetsFor(call) }
      const allowed = { ...planned, targets: permitted(planned) }
      const tools = { estimator: shared.estimator, budgets: parts.budgets, breakers: parts.circuits }
      const targets = balanced(allowed, { random, latencies: shared.latencies })
      return await Promise.all(targets.map((target) => forecast(tools, allowed, target)))
    },
    countTokens: (call, caller, target) =>
      countExactly(parts.limits, parts.limits.providers.get(target.provider.name), { ...call, caller }, target),
    chat: chain(shared, {
      check: parts.validate.chat,
      cache: cacheTexts(cache, clock),
      trim: trimTexts(),
      fit: fitContext({ ...shared, summarizer: summarizer(shared) }),
      ask: askChat,
    }),
    complete: chain(shared, {
      check: parts.validate.complete,
      cache: cacheTexts(cache, clock),
      trim: unchanged,
      fit: unchanged,
      ask: (provider, question) => provider.complete(question),
    }),
    embed: chain(shared, {
      check: parts.validate.embed,
      cache: cacheVectors(cache, clock),
      trim: unchanged,
      fit: unchanged,
      ask: (provider, question) => provider.embed(question),
    }),
  }
}

function summarizer(parts: SharedParts): Summarizer {
  const { planner, estimator, clock } = parts
  const targetsOf = (alias: string) => planner.targetsOfAlias(alias)
  return new Summarizer({ ask: sideCalls(parts), targetsOf, estimator, kept: new KeptSummaries(), clock })
}

const askChat = (provider: Provider, question: Ask<ChatRequest>) => provider.chat(question)

/** Parts that the chains of all operations share. */
interface SharedParts extends GatewayParts {
  readonly bound: AttemptBound
  readonly latencies: Latencies
  readonly sessions: Sessions
  readonly estimator: Estimator
  readonly retries: RetryTools
}

/** Parts that differ between chats, completions and embeddings. */
interface OperationParts<R extends AnyRequest, E extends AnyEvent> extends TargetParts<R, E> {
  /** Throws INVALID_REQUEST. */
  readonly check: (request: R) => void
  readonly cache: Policy<Call<R> & Observed & Authenticated & Planned & Billed, Shared, E>
}

interface TargetParts<R extends AnyRequest, E extends AnyEvent> {
  readonly trim: Policy<Call<R> & Planned & Routed>
  readonly fit: Policy<Targeted<R> & Routed>
  readonly ask: (provider: Provider, question: Ask<R>) => Promise<EventStream<E>>
}

/**
 * The request pipeline: one policy per line, in the order in which a call passes through them. A wrong order does not
 * compile.
 */
function chain<R extends AnyRequest, E extends AnyEvent>(
  parts: SharedParts,
  { check, cache, ...toTargets }: OperationParts<R, E>,
): Handler<Call<R>, E> {
  const { telemetry, authenticator, planner, billing, idempotency, clock, limits, circuits, sessions, between } = parts
  return Chain.of<Call<R>, E>(between)
    .use(observe(telemetry))
    .use(authenticate(authenticator))
    .use(validate(check))
    .use(plan(planner))
    .use(authorize())
    .use(limit(limits, limits))
    .use(bill(billing, clock))
    .use(runOnce<E>(idempotency, clock))
    .use(cache)
    .use(keepSession(sessions, circuits))
    .to(targets(parts, toTargets))
}

/** The pipeline of a call that the gateway makes for another one. */
function sideCalls(parts: SharedParts): Handler<SideCall, ChatEvent> {
  const { limits, between } = parts
  return Chain.of<SideCall, ChatEvent>(between)
    .use(limitSideCall(limits, limits))
    .to(targets(parts, { trim: unchanged, fit: unchanged, ask: askChat }))
}

/** A call whose targets are known. */
type Targeted<R extends AnyRequest> = Call<R> & Observed & Authenticated & Planned & Billed & Shared & Kept

/** The second half of the pipeline: from the order of the targets to the vendor. */
function targets<R extends AnyRequest, E extends AnyEvent>(
  parts: SharedParts,
  { trim, fit, ask }: TargetParts<R, E>,
): Handler<Targeted<R>, E> {
  const { billing, budgets, estimator, clock, random, limits, gates, circuits, locks, isEnding, between } = parts
  const { latencies, retries, bound } = parts
  return Chain.of<Targeted<R>, E>(between)
    .use(balance({ random, latencies }))
    .use(route(clock, isEnding, bound))
    .use(safetyLock(locks))
    .use(trim)
    .use(fit)
    .use(retry(retries))
    .use(measure(latencies, clock))
    .use(admitToProvider(gates, clock))
    .use(admitToProcess(gates, clock))
    .use(breaker(circuits, clock))
    .use(useKeys(clock, bound))
    .use(limitProvider(limits, limits.providers))
    .use(reserve({ budgets, estimator, clock }))
    .use(record(billing?.ledger))
    .to(callProvider(ask))
}
