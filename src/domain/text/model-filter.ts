import { matchesGlob } from './glob.ts'

const NO_ALIASES: ReadonlySet<string> = new Set()

/**
 * Which models a caller may use, by names in which `*` stands for any characters and `?` for one. A pattern that names
 * an alias means that alias only. A model whose id is the name of an alias needs a pattern for `provider/model`.
 */
export class ModelFilter {
  readonly #aliases: ReadonlySet<string>
  readonly #patterns: readonly string[]
  /** Patterns that models are compared with. */
  readonly #ofModels: readonly string[]

  /** `aliases`: the names of all aliases. */
  constructor(patterns: readonly string[], aliases: ReadonlySet<string> = NO_ALIASES) {
    this.#aliases = aliases
    this.#patterns = patterns
    this.#ofModels = patterns.filter((pattern) => !aliases.has(pattern))
  }

  /** Whether the alias is allowed. */
  allowsAlias(name: string): boolean {
    return this.#patterns.some((pattern) => matchesGlob(pattern, name))
  }

  /** Whether the model is allowed, as `provider/model` or by its id alone. */
  allowsModel(provider: string, model: string): boolean {
    const address = `${provider}/${model}`
    const isAlias = this.#aliases.has(model)
    return this.#ofModels.some((pattern) => matchesGlob(pattern, address) || (!isAlias && matchesGlob(pattern, model)))
  }

  /** Whether some model of the provider is allowed: one of `models`, or one that is not known where it `hasOthers`. */
  allowsSomeOf(provider: string, models: readonly string[], hasOthers: boolean): boolean {
    if (models.some((model) => this.allowsModel(provider, model))) return true
    return this.#ofModels.some((pattern) => {
      const slash = pattern.indexOf('/')
      if (slash > 0 && matchesGlob(pattern.slice(0, slash), provider)) return true
      return hasOthers && slash < 0
    })
  }
}
