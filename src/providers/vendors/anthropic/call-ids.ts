import { hash } from 'node:crypto'

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls */
const TAKEN = /^[a-zA-Z0-9_-]+$/

/**
 * Ids of the tool calls of one conversation. The vendor takes letters, digits, `_` and `-`, and each id only once.
 * Other vendors use other characters, and for wires without ids every response begins at `call_0` again.
 */
export class CallIds {
  /** The latest call of each id. */
  readonly #latest = new Map<string, string>()
  /** Number of calls with each id. */
  readonly #count = new Map<string, number>()
  readonly #used = new Set<string>()

  /** Id of the next call in the conversation. */
  next(id: string): string {
    const base = TAKEN.test(id) ? id : `call_${hash('sha256', id, 'hex').slice(0, 24)}`
    let unique = base
    for (let count = this.#count.get(base) ?? 1; this.#used.has(unique); unique = `${base}_${count}`) {
      this.#count.set(base, ++count)
    }
    this.#used.add(unique)
    this.#latest.set(id, unique)
    return unique
  }

  /** Id of the call that a result belongs to. */
  of(id: string): string {
    return this.#latest.get(id) ?? this.next(id)
  }
}
