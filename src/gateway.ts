import type { Call } from './domain/call.ts'
import { Chain } from './domain/chain.ts'
import type { Clock } from './domain/clock.ts'
import type { EmbedEvent } from './domain/events.ts'
import type { Handler } from './domain/follow.ts'
import type { RateLimits } from './domain/limits.ts'
import type { Authenticator } from './domain/ports/authenticator.ts'
import type { Telemetry } from './domain/ports/telemetry.ts'
import type { ChatEvent, ChatRequest, EmbedRequest } from './domain/types.ts'
import { admitToProcess, admitToProvider, type Gates } from './policies/admission/admit.ts'
import { authenticate } from './policies/authenticate.ts'
import { authorize } from './policies/authorize.ts'
import { balance } from './policies/balancing/balance.ts'
import { Latencies } from './policies/balancing/latencies.ts'
import { measure } from './policies/balancing/measure.ts'
import { breaker } from './policies/breaker/breaker.ts'
import type { Circuits } from './policies/breaker/circuits.ts'
import { cacheChats } from './policies/cache/cache-chats.ts'
import type { CacheParts } from './policies/cache/cache-use.ts'
import { cacheVectors } from './policies/cache/cache-vectors.ts'
import { callProvider } from './policies/call-provider.ts'
import { type CallLimits, limit } from './policies/limits/limit.ts'
import { limitProvider } from './policies/limits/limit-provider.ts'
import type { LimitParts } from './policies/limits/limited.ts'
import { observe } from './policies/observe.ts'
import { keepModel, plan } from './policies/planning/plan.ts'
import type { Planner } from './policies/planning/planner.ts'
import { retry } from './policies/retrying/retry.ts'
import { RetryBudget } from './policies/retrying/retry-budget.ts'
import { route } from './policies/routing/route.ts'
import { safetyLock } from './policies/routing/safety-lock.ts'
import type { SafetyLocks } from './policies/routing/safety-locks.ts'
import { useKeys } from './policies/use-keys.ts'
import { check } from './policies/validate.ts'

export interface GatewayParts {
  readonly telemetry: Telemetry
  readonly authenticator: Authenticator
  readonly planner: Planner
  /** Undefined when there is no cache. */
  readonly cache: CacheParts | undefined
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly limits: CallLimits & LimitParts & { readonly providers: ReadonlyMap<string, RateLimits> }
  /** How many upstream calls there may be at once. */
  readonly gates: Gates
  readonly circuits: Circuits
  readonly locks: SafetyLocks
  /** Whether the gateway is about to end, so that no further attempts are begun. */
  readonly isEnding: () => boolean
  /** Throw INVALID_REQUEST. */
  readonly validate: { chat(request: ChatRequest): void; embed(request: EmbedRequest): void }
}

export interface Gateway {
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
}

/** The road of a call: each line one policy, in the order in which a call meets them. */
export function createGateway(parts: GatewayParts): Gateway {
  const {
    telemetry,
    authenticator,
    planner,
    cache,
    clock,
    random,
    limits,
    gates,
    circuits,
    locks,
    isEnding,
    validate,
  } = parts
  const latencies = new Latencies(clock)
  const retries = { clock, random, budget: new RetryBudget(), isEnding }

  const chat = Chain.of<Call<ChatRequest>, ChatEvent>()
    .use(observe(telemetry))
    .use(authenticate(authenticator))
    .use(check(validate.chat))
    .use(plan(planner))
    .use(authorize())
    .use(limit(limits, limits))
    .use(cacheChats(cache))
    .use(balance({ random, latencies }))
    .use(route(clock, isEnding))
    .use(safetyLock(locks))
    .use(retry(retries))
    .use(measure(latencies, clock))
    .use(limitProvider(limits, limits.providers))
    .use(admitToProvider(gates, clock))
    .use(admitToProcess(gates, clock))
    .use(breaker(circuits, clock))
    .use(useKeys(clock))
    .to(callProvider((provider, question) => provider.chat(question)))

  const embed = Chain.of<Call<EmbedRequest>, EmbedEvent>()
    .use(observe(telemetry))
    .use(authenticate(authenticator))
    .use(check(validate.embed))
    .use(plan(planner))
    .use(keepModel())
    .use(authorize())
    .use(limit(limits, limits))
    .use(cacheVectors(cache))
    .use(balance({ random, latencies }))
    .use(route(clock, isEnding))
    .use(safetyLock(locks))
    .use(retry(retries))
    .use(measure(latencies, clock))
    .use(limitProvider(limits, limits.providers))
    .use(admitToProvider(gates, clock))
    .use(admitToProcess(gates, clock))
    .use(breaker(circuits, clock))
    .use(useKeys(clock))
    .to(callProvider((provider, question) => provider.embed(question)))

  return { chat, embed }
}
