import type { RequestWire } from './wires.ts'

/** What went wrong, by request. */
export class Failures {
  readonly lines: string[] = []
  readonly #failed = new Set<string>()

  add(wire: RequestWire, request: string, check: string, difference: string): void {
    this.#failed.add(`${wire.name}/${request}`)
    this.lines.push(`${wire.name}/${request} (${check}): ${difference}`)
  }

  get count(): number {
    return this.#failed.size
  }
}
