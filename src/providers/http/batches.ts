import type { BatchLimits } from '../define.ts'

/** One token for fewer bytes than elsewhere, so that the batches keep a margin: the vendor refuses one that is too large. */
const BYTES_PER_TOKEN = 3

/** Inputs in batches that fit the limits, in their order. One that exceeds the limit of tokens alone is a batch by itself. */
export function batchesOf(inputs: readonly string[], limits: BatchLimits): readonly (readonly string[])[] {
  const { inputs: most, tokens = Number.POSITIVE_INFINITY } = limits
  const batches: string[][] = []
  let batch: string[] = []
  let used = 0
  for (const input of inputs) {
    const needed = Number.isFinite(tokens) ? Math.ceil(Buffer.byteLength(input) / BYTES_PER_TOKEN) : 0
    if (batch.length > 0 && (batch.length >= most || used + needed > tokens)) {
      batches.push(batch)
      batch = []
      used = 0
    }
    batch.push(input)
    used += needed
  }
  return batch.length > 0 ? [...batches, batch] : batches
}
