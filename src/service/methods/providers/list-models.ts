import type { CallContext, Caller } from '../../../domain/calls/call.ts'
import { operations } from '../../../domain/calls/operations.ts'
import { type AliasTargets, mayUseProvider, usableTargets } from '../../../domain/calls/reach.ts'
import type { Clock } from '../../../domain/clock.ts'
import { GatewayError } from '../../../domain/errors/error.ts'
import type { ModelPrice } from '../../../domain/money.ts'
import type { Provider } from '../../../domain/ports/provider.ts'
import type { ModelFilter } from '../../../domain/text/model-filter.ts'
import type {
  Alias,
  ListModelsRequest,
  ListModelsResponse,
  Model,
  Price,
  UnavailableList,
} from '../../../domain/types.ts'
import type { ModelPulls } from '../../pulls/model-pulls.ts'
import { orCancelled } from '../or-cancelled.ts'
import { SharedResult } from '../shared-result.ts'
import { findProvider } from './find-provider.ts'

/** Limit for the time of a request for a list in ms. */
const TIMEOUT = 3_000
/** How long a list and a failure are kept, in ms. */
const KEEP = { answer: 300_000, failure: 30_000 }

/**
 * Lists aliases and models. The lists of all providers are requested at once; one that does not answer does not affect
 * the others. Providers are sorted by priority, their models and the aliases by name.
 */
export function createListModels(
  providers: readonly Provider[],
  aliases: readonly AliasTargets[],
  clock: Clock,
  pulls?: Pick<ModelPulls, 'onPulled'>,
): (request: ListModelsRequest, context: CallContext, caller?: Caller) => Promise<ListModelsResponse> {
  const lists = new Map<Provider, SharedResult<readonly string[]>>()
  for (const provider of providers) {
    lists.set(provider, new SharedResult(clock, () => provider.listModels(TIMEOUT), KEEP))
  }
  pulls?.onPulled((provider) => lists.get(provider)?.forget())

  async function modelsOf(provider: Provider): Promise<ModelList> {
    try {
      const ids = (await lists.get(provider)?.get()) ?? []
      const models = toModels(provider, provider.local ? ids : withDefaults(provider, ids))
      return { models, unavailable: undefined }
    } catch (thrown) {
      const { reason, message } = GatewayError.from(thrown)
      return {
        models: toModels(provider, withDefaults(provider, [])),
        unavailable: { $typeName: 'llmgateway.v1.UnavailableList', provider: provider.name, reason, message },
      }
    }
  }

  return async (request, context, caller) => {
    const models = caller?.models
    const visible = providers.filter((provider) => mayUseProvider(models, provider, aliases))
    const asked = request.provider === '' ? visible : [findProvider(visible, request.provider)]
    const found = await orCancelled(Promise.all(asked.map(modelsOf)), context.cancellation)
    return {
      $typeName: 'llmgateway.v1.ListModelsResponse',
      aliases: request.provider === '' ? toAliases(visibleAliases(models, aliases)) : [],
      models: found
        .flatMap((list) => list.models)
        .filter(({ provider, model }) => !models || models.allowsModel(provider, model)),
      unavailable: found.flatMap(({ unavailable }) => unavailable ?? []),
    }
  }
}

/** The aliases that a caller with these rights can use, each with the targets that it can use. */
function visibleAliases(models: ModelFilter | undefined, aliases: readonly AliasTargets[]): AliasTargets[] {
  const visible = aliases.map((alias) => ({ name: alias.name, targets: usableTargets(models, alias) }))
  return visible.filter(({ targets }) => targets.length > 0)
}

interface ModelList {
  readonly models: Model[]
  readonly unavailable: UnavailableList | undefined
}

/** Adds the default models, which the vendor may not list. */
function withDefaults({ defaultModel, defaultEmbedModel }: Provider, ids: readonly string[]): readonly string[] {
  return [...ids, ...[defaultModel, defaultEmbedModel].filter((model) => model !== undefined)]
}

function toModels(provider: Provider, ids: readonly string[]): Model[] {
  return [...new Set(ids)].sort().map((model) => toModel(provider, model))
}

function toModel(provider: Provider, model: string): Model {
  const facts = provider.describe(model)
  const { price, contextWindow, capabilities = provider.capabilities } = facts
  return {
    $typeName: 'llmgateway.v1.Model',
    id: `${provider.name}/${model}`,
    provider: provider.name,
    model,
    ...(contextWindow !== undefined && { contextWindow }),
    ...(price && { price: toPrice(price) }),
    capabilities: [...capabilities],
    defaultModel: model === provider.defaultModel,
    operations: Object.values(operations)
      .filter(({ isOffered }) => isOffered(capabilities, facts))
      .flatMap(({ rpc, alsoBy = [] }) => [rpc, ...alsoBy]),
  }
}

function toPrice({ list }: ModelPrice): Price {
  return {
    $typeName: 'llmgateway.v1.Price',
    inputUsd: list.input,
    outputUsd: list.output,
    ...(list.cachedInput !== undefined && { cachedInputUsd: list.cachedInput }),
    ...(list.cacheWrite !== undefined && { cacheWriteUsd: list.cacheWrite }),
  }
}

function toAliases(aliases: readonly AliasTargets[]): Alias[] {
  return aliases
    .map(({ name, targets }): Alias => ({ $typeName: 'llmgateway.v1.Alias', name, targets: [...targets] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
