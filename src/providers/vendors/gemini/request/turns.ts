/** Side that speaks. Results of tool calls belong to the user but have a turn of their own. */
export type TurnKind = 'user' | 'model' | 'result'

/** A piece of a turn, as JSON text. */
export interface TurnPart {
  readonly json: string
  /** Position among the pieces of its turn; pieces with the same position keep their order. */
  readonly position: number
}

/**
 * Turns of a conversation. Consecutive messages of one side form one turn, and the results of parallel calls stand in
 * one turn in the order of the calls, as the vendor expects.
 */
export class Turns {
  readonly #turns: { readonly kind: TurnKind; readonly parts: TurnPart[] }[] = []

  get isEmpty(): boolean {
    return this.#turns.length === 0
  }

  /** Skips messages without content, because the vendor refuses turns without parts. */
  add(kind: TurnKind, parts: readonly TurnPart[]): void {
    if (parts.length === 0) return
    const last = this.#turns.at(-1)
    if (last?.kind === kind) last.parts.push(...parts)
    else this.#turns.push({ kind, parts: [...parts] })
  }

  /** Adds a text to the front of the first turn, as the user's. */
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
