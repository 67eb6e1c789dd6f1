/** Who speaks: results of tool calls are the user's too, but stand in a turn of their own. */
export type TurnKind = 'user' | 'model' | 'result'

/** A piece of a turn, as JSON text. */
export interface TurnPart {
  readonly json: string
  /** Where it belongs among the pieces of its turn; those of the same position stay as they came. */
  readonly position: number
}

/**
 * The turns of a conversation. What one side says in a row is one turn, as the vendor expects; of calls that were made
 * at once it wants all results in one turn, in the order of the calls.
 */
export class Turns {
  readonly #turns: { readonly kind: TurnKind; readonly parts: TurnPart[] }[] = []

  get isEmpty(): boolean {
    return this.#turns.length === 0
  }

  /** A message without content is passed over: the vendor refuses turns without parts. */
  add(kind: TurnKind, parts: readonly TurnPart[]): void {
    if (parts.length === 0) return
    const last = this.#turns.at(-1)
    if (last?.kind === kind) last.parts.push(...parts)
    else this.#turns.push({ kind, parts: [...parts] })
  }

  /** Puts words in front of the first turn, as the user's. */
  lead(texts: readonly string[]): void {
    const parts = texts.map((json) => ({ json, position: 0 }))
    const [first] = this.#turns
    if (first?.kind === 'user') first.parts.unshift(...parts)
    else this.#turns.unshift({ kind: 'user', parts })
  }

  toJson(): string {
    const turns = this.#turns.map(({ kind, parts }) => {
      const inOrder = parts.toSorted((a, b) => a.position - b.position).map(({ json }) => json)
      return `{"role":"${kind === 'model' ? 'model' : 'user'}","parts":[${inOrder.join(',')}]}`
    })
    return `[${turns.join(',')}]`
  }
}
