import { Capability } from '../domain/types.ts'

/**
 * Names that models for embeddings have at every vendor and server: `text-embedding-3-small`, `nomic-embed-text`,
 * `BAAI/bge-m3`, `intfloat/e5-large`, `thenlper/gte-large`, `all-minilm`.
 */
const EMBEDDING = /embed|(^|[/:-])(bge|e5|gte)-|minilm/i

export function isEmbeddingModel(model: string): boolean {
  return EMBEDDING.test(model)
}

/** What a model has of the capabilities of its provider, by its name alone; undefined for all of them. */
export function capabilitiesByName(model: string, offered: readonly Capability[]): readonly Capability[] | undefined {
  return isEmbeddingModel(model) && offered.includes(Capability.EMBED) ? [Capability.EMBED] : undefined
}
