import type { Call, Defaults, OnInvalid, OnUnknown, Operation, Timeouts } from '../../domain/calls/call.ts'
import type { ConversationRules } from '../../domain/calls/conversation-rules.ts'
import type { Strategy, Target } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import { GatewayError } from '../../domain/errors/error.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import { providerNamed } from '../../domain/provider-named.ts'
import { didYouMean } from '../../domain/text/closest.ts'
import type { ModelFilter } from '../../domain/text/model-filter.ts'
import { Suggestions } from './suggestions.ts'
import { usualTaskTypes } from './task-types.ts'

/** The names that calls may use. */
export interface Directory {
  /** In priority order. */
  readonly providers: readonly Provider[]
  readonly aliases: readonly Alias[]
  /** An alias or `provider/model` for each type of task. */
  readonly tasks: Readonly<Record<string, string>>
  /** Providers that are asked for their default models when a call names nothing. */
  readonly priority: readonly string[]
  /** For targets without defaults of their own. */
  readonly defaults: Defaults
}

export interface Alias {
  readonly name: string
  readonly targets: readonly AliasTarget[]
  /** Default: priority. */
  readonly strategy?: Strategy | undefined
  /** In ms. */
  readonly attemptTimeout?: number | undefined
  readonly timeout?: Partial<Timeouts> | undefined
  readonly onUnknown?: OnUnknown | undefined
  readonly onInvalid?: OnInvalid | undefined
  /** What is done with its conversations. */
  readonly conversation?: ConversationRules | undefined
  /** Whether its models are pulled when the gateway starts. */
  readonly ensure?: boolean | undefined
}

export interface AliasTarget {
  readonly target: string
  readonly weight?: number | undefined
  readonly defaults?: Defaults | undefined
}

/** The alias for calls that name nothing. */
const DEFAULT_ALIAS = 'default'

/** What a call says about where it may go. */
type Question = Pick<Call, 'operation' | 'request' | 'wishes'>

/** Resolves what a call names to targets. */
export class Planner {
  readonly #directory: Directory
  readonly #providers: ReadonlyMap<string, Provider>
  readonly #aliases: ReadonlyMap<string, readonly Target[]>
  readonly #tasks: ReadonlyMap<string, string>
  /** Bare model ids, each with the first provider in priority order that has it. */
  readonly #bareIds: Map<string, Target>
  readonly #suggestions: Suggestions

  constructor(directory: Directory) {
    this.#directory = directory
    this.#providers = new Map(directory.providers.map((provider) => [provider.name, provider]))
    this.#tasks = new Map(Object.entries(directory.tasks))
    this.#bareIds = this.#collectBareIds()
    const aliases = directory.aliases.map(({ name, targets }) => ({
      name,
      targets: targets.map(({ target }) => target),
    }))
    this.#suggestions = new Suggestions({ ...directory, aliases, bareIds: this.#bareIds })
    this.#aliases = new Map(directory.aliases.map((alias) => [alias.name, this.#targetsOf(alias)]))
  }

  /** Errors suggest only what `allowed` allows. */
  targetsFor(question: Question, allowed?: ModelFilter): readonly Target[] {
    const { request, wishes } = question
    if (this.#providers.size === 0) {
      const message = 'No provider is configured: set a key such as OPENAI_API_KEY, or write a gateway.yaml.'
      throw new GatewayError('NO_PROVIDERS', message)
    }
    const targets = request.provider ? [this.#pinned(question, allowed)] : this.#named(question, allowed)
    const fallbacks = wishes.fallbackModels.flatMap((model) => this.#resolve(model, allowed))
    const all = fallbacks.length > 0 ? withoutRepeats([...targets, ...fallbacks]) : withoutRepeats(targets)
    return wishes.disableFallback ? firstChoice(all) : all
  }

  /** The targets of an alias; undefined if there is none of the name. */
  targetsOfAlias(name: string): readonly Target[] | undefined {
    return this.#aliases.get(name)
  }

  #named({ operation, request, wishes }: Question, allowed: ModelFilter | undefined): readonly Target[] {
    const { taskType } = wishes
    if (request.model) return this.#resolve(request.model, allowed)
    if (taskType) {
      const route = this.#tasks.get(taskType)
      if (route !== undefined) return this.#resolve(route, allowed)
      if (!usualTaskTypes.includes(taskType)) {
        throw notFound('task_type', taskType, [...this.#suggestions.tasks(allowed), ...usualTaskTypes])
      }
    }
    return this.#aliases.get(DEFAULT_ALIAS) ?? this.#byPriority(operation)
  }

  #resolve(model: string, allowed: ModelFilter | undefined): readonly Target[] {
    const alias = this.#aliases.get(model)
    if (alias) return alias
    const target = this.#addressed(model) ?? this.#bareIds.get(model)
    if (!target) throw notFound('model', model, this.#suggestions.namesLike(model, allowed))
    return [target]
  }

  /** The target of `provider/model`; further slashes belong to the model. */
  #addressed(model: string): Target | undefined {
    const slash = model.indexOf('/')
    const provider = slash > 0 ? this.#provider(model.slice(0, slash)) : undefined
    const id = model.slice(slash + 1)
    return provider && id ? this.#target(provider, id) : undefined
  }

  #pinned({ operation, request }: Question, allowed: ModelFilter | undefined): Target {
    const { provider: name, model } = request
    const provider = this.#provider(name)
    if (!provider) {
      const hint = didYouMean(name, this.#suggestions.providers(allowed))
      throw new GatewayError('PROVIDER_NOT_FOUND', `provider: there is no provider ${quoted(name)}.${hint}`)
    }
    const id = model ? ownId(provider, model) : operations[operation].defaultModel(provider)
    if (id) return this.#target(provider, id)
    const message = `model: ${name} has no default model; name one, or set providers.${name}.default_model.`
    throw new GatewayError('INVALID_REQUEST', message, { fields: [{ field: 'model', description: 'is required' }] })
  }

  #provider(name: string): Provider | undefined {
    return this.#providers.get(name) ?? providerNamed(this.#directory.providers, name)
  }

  #byPriority(operation: Operation): readonly Target[] {
    const names = this.#directory.priority.length > 0 ? this.#directory.priority : [...this.#providers.keys()]
    const targets = names.flatMap((name) => {
      const provider = this.#providers.get(name)
      const model = provider && operations[operation].defaultModel(provider)
      return provider && model ? [this.#target(provider, model)] : []
    })
    if (targets.length > 0) return targets
    const message = 'model: no provider has a default model; name a model, or configure the alias "default".'
    throw new GatewayError('INVALID_REQUEST', message, { fields: [{ field: 'model', description: 'is required' }] })
  }

  #targetsOf({
    name,
    targets,
    attemptTimeout,
    timeout,
    onUnknown,
    onInvalid,
    conversation,
    strategy = 'priority',
  }: Alias): readonly Target[] {
    const choice = strategy === 'priority' ? undefined : { strategy }
    const common = { attemptTimeout, timeout, onUnknown, onInvalid, conversation, choice, alias: name }
    return targets.map(({ target: address, defaults, weight }) => {
      const target = this.#addressed(address) ?? this.#bareIds.get(address)
      if (!target) throw notFound('models', address, this.#suggestions.namesLike(address, undefined))
      return { ...target, ...common, defaults: { ...target.defaults, ...defaults }, weight }
    })
  }

  #collectBareIds(): Map<string, Target> {
    const ids = new Map<string, Target>()
    for (const provider of this.#directory.providers) {
      for (const id of [provider.defaultModel, provider.defaultEmbedModel, ...provider.catalogue()]) {
        if (id && !ids.has(id)) ids.set(id, this.#target(provider, id))
      }
    }
    return ids
  }

  #target(provider: Provider, model: string): Target {
    return { provider, model, defaults: this.#directory.defaults }
  }
}

/** The provider may be named twice, as `provider: azure, model: azure/gpt-4o`. */
function ownId(provider: Provider, model: string): string {
  const names = [provider.name, ...(provider.alsoKnownAs ?? [])]
  const twice = names.find((name) => model.startsWith(`${name}/`))
  return twice !== undefined && !provider.catalogue().includes(model) ? model.slice(twice.length + 1) : model
}

function withoutRepeats(targets: readonly Target[]): readonly Target[] {
  if (targets.length < 2) return targets
  const seen = new Set<string>()
  return targets.filter(({ provider, model }) => {
    const address = `${provider.name}/${model}`
    return !seen.has(address) && seen.add(address)
  })
}

/** The first target, or all targets that its strategy may put first. */
function firstChoice(targets: readonly Target[]): readonly Target[] {
  const choice = targets[0]?.choice
  return choice ? targets.filter((target) => target.choice === choice) : targets.slice(0, 1)
}

function notFound(field: string, name: string, candidates: readonly string[]): GatewayError {
  return new GatewayError('MODEL_NOT_FOUND', `${field}: there is no ${quoted(name)}.${didYouMean(name, candidates)}`)
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name)
}
