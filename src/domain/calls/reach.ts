import type { Provider } from '../ports/provider.ts'
import type { ModelFilter } from '../text/model-filter.ts'
import { splitTarget } from '../text/target-name.ts'
import type { Caller } from './call.ts'

/* A caller sees what it may use. Without a filter that is everything. */

/** A configured name for one or more targets. */
export interface AliasTargets {
  readonly name: string
  /** `provider/model`, in the order of the configuration. */
  readonly targets: readonly string[]
}

/** Whether the caller may use the alias, by its name or for one of its targets. */
export function mayUseAlias(allowed: ModelFilter | undefined, alias: AliasTargets): boolean {
  return usableTargets(allowed, alias).length > 0
}

/** The targets of an alias that the caller may use. */
export function usableTargets(allowed: ModelFilter | undefined, { name, targets }: AliasTargets): readonly string[] {
  if (!allowed || allowed.allowsAlias(name)) return targets
  return targets.filter((target) => {
    const { provider, model } = splitTarget(target)
    return allowed.allowsModel(provider, model)
  })
}

/** Whether the caller may use a model of the provider, by its name or through an alias. */
export function mayUseProvider(
  allowed: ModelFilter | undefined,
  provider: Pick<Provider, 'name' | 'defaultModel' | 'defaultEmbedModel' | 'catalogue' | 'local'>,
  aliases: readonly AliasTargets[],
): boolean {
  if (!allowed) return true
  const { name, defaultModel, defaultEmbedModel, local = false } = provider
  const known = [defaultModel, defaultEmbedModel, ...provider.catalogue()].filter((model) => model !== undefined)
  // What a server of one's own has is known only to itself.
  if (allowed.allowsSomeOf(name, known, local)) return true
  return aliases.some((alias) => usableTargets(allowed, alias).some((target) => splitTarget(target).provider === name))
}

/** What a caller with a filter may see. */
export class Reach {
  readonly #allowed: ModelFilter
  readonly #providers: ReadonlySet<string>
  readonly #aliases: ReadonlySet<string>
  readonly #targets: ReadonlySet<string>

  constructor(allowed: ModelFilter, providers: readonly Provider[], aliases: readonly AliasTargets[]) {
    const usable = providers.filter((provider) => mayUseProvider(allowed, provider, aliases))
    this.#allowed = allowed
    this.#providers = new Set(usable.map(({ name }) => name))
    this.#aliases = new Set(aliases.filter((alias) => mayUseAlias(allowed, alias)).map(({ name }) => name))
    this.#targets = new Set(aliases.flatMap((alias) => usableTargets(allowed, alias)))
  }

  provider(name: string): boolean {
    return this.#providers.has(name)
  }

  alias(name: string): boolean {
    return this.#aliases.has(name)
  }

  /** `address` as `provider/model`. */
  target(address: string): boolean {
    const { provider, model } = splitTarget(address)
    return this.#targets.has(address) || this.#allowed.allowsModel(provider, model)
  }
}

/** Undefined for a caller that sees everything. */
export function reachOf(
  { admin, models }: Caller,
  providers: readonly Provider[],
  aliases: readonly AliasTargets[],
): Reach | undefined {
  return models && !admin ? new Reach(models, providers, aliases) : undefined
}
