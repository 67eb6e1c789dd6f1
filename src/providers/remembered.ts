/** Callers choose the names of models, so only this many are remembered. */
const MAX_MODELS = 1000

/** Remembers what was found for a model. */
export function remembered<T>(look: (model: string) => T): (model: string) => T {
  const known = new Map<string, T>()
  return (model) => {
    const remembered = known.get(model)
    if (remembered !== undefined) return remembered
    const found = look(model)
    if (known.size >= MAX_MODELS) known.clear()
    known.set(model, found)
    return found
  }
}
