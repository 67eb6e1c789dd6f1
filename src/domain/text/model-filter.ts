/** Which models a caller may use, by names in which `*` stands for any characters and `?` for one. */
export class ModelFilter {
  readonly #patterns: readonly string[]

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns
  }

  /** Whether the alias is allowed. */
  allowsAlias(name: string): boolean {
    return this.#patterns.some((pattern) => matches(pattern, name))
  }

  /** Whether the model is allowed, as `provider/model` or by its id alone. */
  allowsModel(provider: string, model: string): boolean {
    const address = `${provider}/${model}`
    return this.#patterns.some((pattern) => matches(pattern, address) || matches(pattern, model))
  }
}

/** Takes time linear in the length of the name, whatever the number of stars: patterns may come from tokens. */
function matches(pattern: string, name: string): boolean {
  let at = 0
  let star = -1
  let resumeAt = 0
  let next = 0
  while (at < name.length) {
    const wanted = pattern[next]
    if (wanted === '*') {
      star = next++
      resumeAt = at
    } else if (wanted === '?' || wanted === name[at]) {
      at++
      next++
    } else if (star >= 0) {
      next = star + 1
      at = ++resumeAt
    } else return false
  }
  while (pattern[next] === '*') next++
  return next === pattern.length
}
