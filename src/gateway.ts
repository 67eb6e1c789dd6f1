import type { Call } from './domain/call.ts'
import { Chain } from './domain/chain.ts'
import type { Clock } from './domain/clock.ts'
import type { EmbedEvent } from './domain/events.ts'
import type { Handler } from './domain/follow.ts'
import type { Callers, Telemetry } from './domain/ports.ts'
import type { ChatEvent, ChatRequest, EmbedRequest } from './domain/types.ts'
import { admitToProcess, admitToProvider, type Gates } from './policies/admit.ts'
import { authenticate } from './policies/authenticate.ts'
import { balance } from './policies/balance.ts'
import { callProvider } from './policies/call-provider.ts'
import { check } from './policies/check.ts'
import { Latencies } from './policies/latencies.ts'
import type { SafetyLocks } from './policies/locks.ts'
import { measure } from './policies/measure.ts'
import { observe } from './policies/observe.ts'
import { type Directory, keepModel, plan } from './policies/plan.ts'
import { route } from './policies/route.ts'
import { safetyLock } from './policies/safety-lock.ts'
import { useKeys } from './policies/use-keys.ts'

export interface GatewayParts {
  readonly telemetry: Telemetry
  readonly callers: Callers
  readonly directory: Directory
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  /** How many upstream calls there may be at once. */
  readonly gates: Gates
  readonly locks: SafetyLocks
  /** Throw INVALID_REQUEST. */
  readonly validate: { chat(request: ChatRequest): void; embed(request: EmbedRequest): void }
}

export interface Gateway {
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
}

/** The road of a call: each line one policy, in the order in which a call meets them. */
export function createGateway(parts: GatewayParts): Gateway {
  const { telemetry, callers, directory, clock, random, gates, locks, validate } = parts
  const latencies = new Latencies(clock)

  const chat = Chain.of<Call<ChatRequest>, ChatEvent>()
    .use(observe(telemetry))
    .use(authenticate(callers))
    .use(check(validate.chat))
    .use(plan(directory))
    .use(balance({ random, latencies }))
    .use(route(clock))
    .use(safetyLock(locks))
    .use(measure(latencies, clock))
    .use(admitToProvider(gates, clock))
    .use(admitToProcess(gates, clock))
    .use(useKeys(clock))
    .to(callProvider((provider, question) => provider.chat(question)))

  const embed = Chain.of<Call<EmbedRequest>, EmbedEvent>()
    .use(observe(telemetry))
    .use(authenticate(callers))
    .use(check(validate.embed))
    .use(plan(directory))
    .use(keepModel())
    .use(balance({ random, latencies }))
    .use(route(clock))
    .use(safetyLock(locks))
    .use(measure(latencies, clock))
    .use(admitToProvider(gates, clock))
    .use(admitToProcess(gates, clock))
    .use(useKeys(clock))
    .to(callProvider((provider, question) => provider.embed(question)))

  return { chat, embed }
}
