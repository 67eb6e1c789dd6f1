import type { Call } from './domain/call.ts'
import { Chain } from './domain/chain.ts'
import type { Clock } from './domain/clock.ts'
import type { EmbedEvent } from './domain/events.ts'
import type { Handler } from './domain/follow.ts'
import type { Callers, Telemetry } from './domain/ports.ts'
import type { ChatEvent, ChatRequest, EmbedRequest } from './domain/types.ts'
import { authenticate } from './policies/authenticate.ts'
import { breaker } from './policies/breaker.ts'
import { callProvider } from './policies/call-provider.ts'
import { check } from './policies/check.ts'
import type { Circuits } from './policies/circuits.ts'
import { observe } from './policies/observe.ts'
import { type Directory, keepModel, plan } from './policies/plan.ts'
import { retry } from './policies/retry.ts'
import { RetryBudget } from './policies/retry-budget.ts'
import { route } from './policies/route.ts'

export interface GatewayParts {
  readonly telemetry: Telemetry
  readonly callers: Callers
  readonly directory: Directory
  readonly circuits: Circuits
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  /** Throw INVALID_REQUEST. */
  readonly validate: { chat(request: ChatRequest): void; embed(request: EmbedRequest): void }
}

export interface Gateway {
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
}

/** The road of a call: each line one policy, in the order in which a call meets them. */
export function createGateway(parts: GatewayParts): Gateway {
  const { telemetry, callers, directory, circuits, clock, random, validate } = parts
  const retries = { clock, random, budget: new RetryBudget() }

  const chat = Chain.of<Call<ChatRequest>, ChatEvent>()
    .use(observe(telemetry))
    .use(authenticate(callers))
    .use(check(validate.chat))
    .use(plan(directory))
    .use(route(clock))
    .use(retry(retries))
    .use(breaker(circuits, clock))
    .to(callProvider((provider, question) => provider.chat(question)))

  const embed = Chain.of<Call<EmbedRequest>, EmbedEvent>()
    .use(observe(telemetry))
    .use(authenticate(callers))
    .use(check(validate.embed))
    .use(plan(directory))
    .use(keepModel())
    .use(route(clock))
    .use(retry(retries))
    .use(breaker(circuits, clock))
    .to(callProvider((provider, question) => provider.embed(question)))

  return { chat, embed }
}
