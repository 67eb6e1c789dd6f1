import type { CallContext } from '../../domain/call.ts'
import type { EmbedFinish } from '../../domain/events.ts'
import type { CachedVector } from '../../domain/ports/cache.ts'
import type { EmbedResponse } from '../../domain/types.ts'
import { cachedRoute, savedCost } from './replay.ts'

/** Each with its part of what they cost together, by the length of its input. */
export function vectorsOf({ embeddings, cost, route }: EmbedResponse, inputs: readonly string[]): CachedVector[] {
  const length = inputs.reduce((total, input) => total + input.length, 0)
  return embeddings.map(({ values }, index) => ({
    values,
    provider: route?.provider ?? '',
    model: route?.model ?? '',
    responseModel: route?.responseModel ?? '',
    usd: cost && (cost.usd * (inputs[index]?.length ?? 0)) / length,
  }))
}

/** Of an answer all of which was known. */
export function cachedFinish(
  [first]: readonly CachedVector[],
  context: CallContext,
  saved: number | undefined,
): EmbedFinish {
  const route = first && { ...first, upstreamId: '', warnings: [] }
  return { cost: savedCost(saved), route: cachedRoute(route, context, '') }
}

/** Of an answer some of which was known. */
export function withSaved({ usage, cost, route }: EmbedResponse, saved: number | undefined): EmbedFinish {
  return { usage, cost: cost && saved !== undefined ? { ...cost, savedUsd: saved } : cost, route }
}

/** What they cost when they were made; undefined where nothing is known of any. */
export function savedBy(vectors: Iterable<CachedVector>): number | undefined {
  let total: number | undefined
  for (const { usd } of vectors) if (usd !== undefined) total = (total ?? 0) + usd
  return total
}
