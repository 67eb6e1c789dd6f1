import type { Target } from '../../domain/calls/facts.ts'
import { type AliasTargets, mayUseAlias, mayUseProvider } from '../../domain/calls/reach.ts'
import type { Provider } from '../../domain/ports/provider.ts'
import type { ModelFilter } from '../../domain/text/model-filter.ts'

/** Names that errors may suggest. */
export interface KnownNames {
  readonly providers: readonly Provider[]
  readonly aliases: readonly AliasTargets[]
  /** An alias or `provider/model` for each type of task. */
  readonly tasks: Readonly<Record<string, string>>
  /** Known model ids, each with a target that it stands for. */
  readonly bareIds: ReadonlyMap<string, Target>
}

/** Names to suggest in place of an unknown one: only those that the caller may use. */
export class Suggestions {
  readonly #known: KnownNames

  constructor(known: KnownNames) {
    this.#known = known
  }

  providers(allowed: ModelFilter | undefined): string[] {
    const { providers, aliases } = this.#known
    return providers.filter((provider) => mayUseProvider(allowed, provider, aliases)).map(({ name }) => name)
  }

  tasks(allowed: ModelFilter | undefined): string[] {
    const { tasks, aliases } = this.#known
    const mayUse = (route: string) => {
      const alias = aliases.find(({ name }) => name === route)
      return mayUseAlias(allowed, alias ?? { name: route, targets: [route] })
    }
    return Object.keys(tasks).filter((task) => mayUse(tasks[task] ?? ''))
  }

  /** Aliases and models: names without a provider are compared with such names. */
  namesLike(model: string, allowed: ModelFilter | undefined): string[] {
    const aliases = this.#known.aliases.filter((alias) => mayUseAlias(allowed, alias))
    const withProvider = model.includes('/')
    const models: string[] = []
    for (const [id, { provider }] of this.#known.bareIds) {
      if (allowed && !allowed.allowsModel(provider.name, id)) continue
      models.push(withProvider ? `${provider.name}/${id}` : id)
    }
    return [...aliases.map(({ name }) => name), ...models]
  }
}
