import type { PulledBytes } from '../define.ts'

/** Limit for the layers of a model, more than any has. */
const MAX_LAYERS = 4096

/** Bytes of a model that comes in layers, which servers report one by one. */
export class LayerBytes {
  readonly #layers = new Map<string, PulledBytes>()

  /** `done` and `total` as the server reports them; other types are ignored. */
  set(layer: string, done: unknown, total: unknown): void {
    const known = this.#layers.get(layer)
    if (!known && this.#layers.size >= MAX_LAYERS) return
    this.#layers.set(layer, { done: byteCount(done) ?? known?.done ?? 0, total: byteCount(total) ?? known?.total ?? 0 })
  }

  sum(): PulledBytes {
    let done = 0
    let total = 0
    for (const layer of this.#layers.values()) {
      done += layer.done
      total += layer.total
    }
    return { done, total: Math.max(done, total) }
  }
}

export function byteCount(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}
