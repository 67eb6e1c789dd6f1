import type { Config } from '../config/config.ts'
import type { CallContext } from '../domain/calls/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { GatewayError } from '../domain/errors/error.ts'
import type { AlertTest } from '../domain/ports/operations/alert-test.ts'
import { createGateway } from '../gateway.ts'
import type { BillingParts } from '../policies/billing/call-bill.ts'
import { budgetTrailers } from '../policies/budgets/budget-trailers.ts'
import { addressOf } from '../policies/cache/cache-texts.ts'
import type { CacheParts } from '../policies/cache/cache-use.ts'
import { rulesFor } from '../policies/cache/settings.ts'
import { RetryBudget } from '../policies/retrying/retry-budget.ts'
import type { Methods } from '../service/method-types.ts'
import { createService } from '../service/service.ts'
import { validateChat, validateComplete, validateEmbed } from '../service/validate/validate.ts'
import type { GatewayTelemetry } from '../telemetry/telemetry.ts'
import type { Environment, Parts } from './build.ts'
import type { Lifecycle } from './drain.ts'

export interface MethodsOptions extends Environment {
  readonly telemetry: GatewayTelemetry
  readonly alerts: AlertTest
  readonly lifecycle: Lifecycle
  /** Logs a failure of the gateway itself. */
  readonly report: (error: GatewayError, context: CallContext) => void
}

/** The methods of the service: the chain of policies, and what answers questions about the gateway itself. */
export function createMethods(config: Config, parts: Parts, options: MethodsOptions): Methods {
  const { events, redis, prices, providers, planner, authenticator, ledger, circuits, locks } = parts
  const { clock, telemetry, lifecycle } = options
  const cache = cacheParts(config, parts, options)
  const { chat, complete, embed, forecast, countTokens } = createGateway({
    telemetry,
    authenticator,
    planner,
    billing: ledger && {
      ledger: ledger.ledger,
      priceVersion: () => prices.version,
      trailers: trailersOf(parts, clock),
    },
    budgets: parts.budgets,
    cache,
    idempotency: parts.idempotency,
    clock,
    random: Math.random,
    limits: {
      ...config.limits,
      limiter: parts.limiter,
      events,
      aliases: new Map(Object.entries(config.limits.aliases)),
      providers: new Map(Object.entries(config.limits.providers)),
    },
    gates: parts.gates,
    circuits,
    locks,
    retryBudget: new RetryBudget(),
    isEnding: () => lifecycle.ending,
    maxAttempts: config.server.maxAttempts,
    validate: { chat: validateChat, complete: validateComplete, embed: validateEmbed },
  })
  return createService({
    chat,
    complete,
    embed,
    batches: {
      ...config.batch,
      maxItemDuration: config.server.settings.maxDuration,
      maxResultBytes: config.server.settings.maxSendBytes,
      report: options.report,
    },
    authenticator,
    providers,
    aliases: config.models.map(({ name, targets }) => ({ name, targets: targets.map(({ target }) => target) })),
    stats: telemetry.stats,
    costs: ledger &&
      config.ledger && {
        queries: ledger.queries,
        timeZone: config.ledger.timeZone,
        currency: config.currency,
      },
    alerts: options.alerts,
    forecast,
    countTokens,
    budgets: parts.budgets?.board,
    cache: cache && {
      store: cache.store,
      stats: () => cache.observer.snapshot(),
      addressOf: (cached) => addressOf(planner, cached),
    },
    events,
    locks,
    breakers: circuits,
    pulls: parts.pulls,
    clock,
    components: () => [
      ...(cache ? [{ name: 'cache', healthy: true, message: '' }] : []),
      ...(redis ? [redis.state()] : []),
      ...(ledger ? [ledger.state()] : []),
      ...(parts.budgets ? [parts.budgets.state()] : []),
    ],
    isDraining: () => lifecycle.draining,
  })
}

/** Trailers about the caller's own budgets; undefined when there are none. */
function trailersOf({ budgets }: Parts, clock: Clock): BillingParts['trailers'] {
  if (!budgets) return undefined
  return ({ caller, request: { userId, labels } }) =>
    budgetTrailers(budgets, { caller: caller.name, userId, labels }, clock)
}

/** What the cache policies need; undefined when there is no cache. */
function cacheParts(
  { cache }: Config,
  { cacheStore: store }: Parts,
  { clock, telemetry }: MethodsOptions,
): (CacheParts & { readonly observer: NonNullable<GatewayTelemetry['cache']> }) | undefined {
  const { cache: observer } = telemetry
  return cache && store && observer && { store, observer, clock, rules: rulesFor(cache) }
}
