import type { Call, CallContext, Caller } from '../domain/calls/call.ts'
import { createCall } from '../domain/calls/facts.ts'
import { type AliasTargets, type Reach, reachOf } from '../domain/calls/reach.ts'
import type { Clock } from '../domain/clock.ts'
import { GatewayError } from '../domain/errors/error.ts'
import type { Authenticator } from '../domain/ports/authenticator.ts'
import type { Breakers } from '../domain/ports/breakers.ts'
import type { BudgetBoard } from '../domain/ports/money/budgets.ts'
import type { AlertTest } from '../domain/ports/operations/alert-test.ts'
import type { OperatorEvents } from '../domain/ports/operations/operator-events.ts'
import type { StatsSource } from '../domain/ports/operations/stats.ts'
import type { Provider } from '../domain/ports/provider.ts'
import type { SafetyLockSource } from '../domain/ports/safety-locks.ts'
import { completeEvent, type EmbedEvent } from '../domain/streams/events.ts'
import { foldChat, foldComplete, foldEmbed } from '../domain/streams/fold.ts'
import type { Handler } from '../domain/streams/follow.ts'
import {
  type ChatEvent,
  type ChatRequest,
  type ClearCacheRequest,
  type CompleteRequest,
  type EmbedRequest,
  type HealthRequest,
  type HealthResponse,
  HealthView,
  type ProviderHealth,
  type TestProviderRequest,
} from '../domain/types.ts'
import { type BatchChatOptions, createBatchChat } from './batch/batch-chat.ts'
import type { Methods } from './method-types.ts'
import { type CacheAdmin, createClearCache, createGetCacheStats, createResetStats } from './methods/cache-admin.ts'
import { createCheckHealth } from './methods/check-health.ts'
import { type Components, withComponents } from './methods/components.ts'
import { createAdjustBudget, createListBudgets, statsFor } from './methods/money/budgets.ts'
import {
  type CostSources,
  createGetCostSummary,
  createListCallerCosts,
  createListUsage,
} from './methods/money/costs.ts'
import { type Counter, createEstimate, type Forecaster } from './methods/money/estimate.ts'
import { CostCounter } from './methods/money/recent-costs.ts'
import { createEnsureModel } from './methods/providers/ensure-model.ts'
import { listKeys } from './methods/providers/list-keys.ts'
import { createListModels } from './methods/providers/list-models.ts'
import { listProviders } from './methods/providers/list-providers.ts'
import { createTestProvider } from './methods/providers/test-provider.ts'
import { createTestAlert } from './methods/test-alert.ts'
import { createWatchStats } from './methods/watch-stats.ts'
import type { ModelPulls } from './pulls/model-pulls.ts'

export interface ServiceDeps {
  /** Handles a chat, streamed or not. It checks the credential and the request itself. */
  readonly chat: Handler<Call<ChatRequest>, ChatEvent>
  /** Handles a text completion, streamed or not. It checks the credential and the request itself. */
  readonly complete: Handler<Call<CompleteRequest>, ChatEvent>
  /** Handles an embedding call. It checks the credential and the request itself. */
  readonly embed: Handler<Call<EmbedRequest>, EmbedEvent>
  /** How batches are processed. */
  readonly batches: Omit<BatchChatOptions, 'chat' | 'authenticator' | 'clock'>
  readonly authenticator: Authenticator
  /** In priority order. */
  readonly providers: readonly Provider[]
  readonly aliases: readonly AliasTargets[]
  readonly stats: StatsSource
  /** Undefined if costs are not recorded. */
  readonly costs?: CostSources | undefined
  readonly alerts: AlertTest
  /** Forecasts of a chat, which `Estimate` returns. */
  readonly forecast: Forecaster
  readonly countTokens: Counter
  /** Undefined if there are no budgets. */
  readonly budgets?: BudgetBoard | undefined
  /** Undefined if there is no cache. */
  readonly cache: CacheAdmin | undefined
  readonly locks?: SafetyLockSource
  readonly breakers: Breakers
  /** Downloads of models. */
  readonly pulls: ModelPulls
  readonly clock: Clock
  /** Parts that calls can do without. */
  readonly components?: Components
  readonly events: Pick<OperatorEvents, 'adminCall'>
  /** Whether the gateway is shutting down. */
  readonly isDraining: () => boolean
}

/** Implements all methods of the contract. */
export function createService(deps: ServiceDeps): Methods {
  const {
    chat,
    complete,
    embed,
    authenticator,
    providers,
    aliases,
    components = () => [],
    cache,
    costs,
    budgets,
    clock,
    events,
    pulls,
  } = deps
  const stats = withComponents(deps.stats, components)
  const counter = costs && new CostCounter(costs.queries, clock, costs.timeZone)
  const reach = (caller: Caller) => reachOf(caller, providers, aliases)
  const anyone = authenticated(authenticator, () => true)
  const admin = <I, O>(name: string, method: CallersMethod<I, O>, subjectOf: (request: I) => string = () => '') =>
    audited({ name, events, subjectOf }, authenticated(authenticator, isAdmin)(method))
  return {
    chat: (request, context) => chat(createCall('chat', request, context)).then(foldChat),
    streamChat: (request, context) => chat(createCall('stream_chat', request, context)),
    complete: (request, context) => complete(createCall('complete', request, context)).then(foldComplete),
    streamComplete: (request, context) =>
      complete(createCall('stream_complete', request, context)).then((events) => events.as(completeEvent)),
    batchChat: createBatchChat({ ...deps.batches, chat, authenticator, clock }),
    embed: (request, context) =>
      embed(createCall('embed', request, context)).then((events) => foldEmbed(events, context.requestId)),
    listModels: anyone(createListModels(providers, aliases, clock, pulls)),
    health: statusForStrangers(authenticator, createCheckHealth(deps), reach),
    stats: anyone(async (_request, _context, caller) => {
      const recent = await counter?.current(caller)
      return { ...statsFor(stats, budgets, caller).snapshot(reach(caller)), ...recent }
    }),
    watchStats: anyone(createWatchStats(stats, clock, reach, budgets, (caller) => counter?.last(caller) ?? {})),
    listProviders: admin('ListProviders', async () => listProviders(providers)),
    testProvider: admin('TestProvider', createTestProvider(deps), targetText),
    ensureModel: admin('EnsureModel', createEnsureModel(providers, pulls), targetText),
    listKeys: admin(
      'ListKeys',
      async (request) => listKeys(providers, request),
      ({ provider }) => provider,
    ),
    getCacheStats: admin('GetCacheStats', createGetCacheStats(cache)),
    clearCache: admin('ClearCache', createClearCache(cache), clearedText),
    resetStats: admin('ResetStats', createResetStats(stats)),
    getCostSummary: anyone(createGetCostSummary(costs, clock)),
    listUsage: anyone(createListUsage(costs, clock)),
    listCallerCosts: anyone(createListCallerCosts(costs, clock)),
    testAlert: admin('TestAlert', createTestAlert(deps.alerts)),
    estimate: anyone(createEstimate(deps.forecast, deps.countTokens)),
    listBudgets: anyone(createListBudgets(budgets)),
    adjustBudget: admin(
      'AdjustBudget',
      createAdjustBudget(budgets),
      ({ name, subject, addUsd }) => `${name}${subject === '' ? '' : ` for ${subject}`}: ${addUsd} USD`,
    ),
  }
}

function targetText({ provider, model }: Pick<TestProviderRequest, 'provider' | 'model'>): string {
  return model === '' ? provider : `${provider}/${model}`
}

/** Prompts do not belong into the audit: of a request only that there is one. */
function clearedText({ answers }: ClearCacheRequest): string {
  return typeof answers.value === 'string' ? answers.value : (answers.case ?? '')
}

type Method<I, O> = (request: I, context: CallContext) => Promise<O>
type CallersMethod<I, O> = (request: I, context: CallContext, caller: Caller) => Promise<O>

/** Checks the credential before a method that is not a call to a model. */
function authenticated(authenticator: Authenticator, isAllowed: (caller: Caller) => boolean) {
  return <I, O>(method: CallersMethod<I, O>): Method<I, O> =>
    async (request, context) => {
      const caller = await authenticator.identify(context)
      context.record.identify(caller)
      if (!isAllowed(caller)) {
        throw adminRequired()
      }
      return method(request, context, caller)
    }
}

/** Without a credential only the overall status is reported, and with one the providers that its caller may use. */
function statusForStrangers(
  authenticator: Authenticator,
  checkHealth: Method<HealthRequest, HealthResponse>,
  reach: (caller: Caller) => Reach | undefined,
): Method<HealthRequest, HealthResponse> {
  return async (request, context) => {
    const response = await checkHealth(request, context)
    let caller: Caller
    try {
      caller = await authenticator.identify(context)
    } catch (refusal) {
      if (request.view === HealthView.COSTS) throw refusal
      return { ...response, providers: [], components: [] }
    }
    if (request.view === HealthView.COSTS && !caller.admin) throw adminRequired()
    const visible = reach(caller)
    return visible ? { ...response, providers: visibleHealth(response.providers, visible) } : response
  }
}

function visibleHealth(providers: readonly ProviderHealth[], visible: Reach): ProviderHealth[] {
  return providers
    .filter(({ name }) => visible.provider(name))
    .map((health) => (visible.target(health.lockedTo) ? health : { ...health, lockedTo: '' }))
}

function adminRequired(): GatewayError {
  return new GatewayError('ADMIN_REQUIRED', 'This needs a credential with the admin flag.')
}

function isAdmin({ admin }: Caller): boolean {
  return admin
}

/** Longest subject of an admin call that is kept, in characters. */
const MAX_SUBJECT = 200

interface Audit<I> {
  readonly name: string
  readonly events: ServiceDeps['events']
  /** What a request acts on. */
  subjectOf(request: I): string
}

function audited<I, O>({ name, events, subjectOf }: Audit<I>, method: Method<I, O>): Method<I, O> {
  return async (request, context) => {
    const subject = subjectOf(request).slice(0, MAX_SUBJECT)
    try {
      const response = await method(request, context)
      events.adminCall(name, context, '', subject)
      return response
    } catch (thrown) {
      const error = GatewayError.from(thrown)
      events.adminCall(name, context, error.reason, subject)
      throw error
    }
  }
}
