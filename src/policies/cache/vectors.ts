import type { CallContext } from '../../domain/calls/call.ts'
import type { CachedVector } from '../../domain/ports/cache.ts'
import type { EmbedFinish } from '../../domain/streams/events.ts'
import type { EmbedResponse } from '../../domain/types.ts'
import { cachedRoute, savedCost } from './replay.ts'

/** Vectors with their share of the total cost, by the length of their inputs. */
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

/** Finish of a response made of stored vectors only. */
export function cachedFinish(
  [first]: readonly CachedVector[],
  context: CallContext,
  saved: number | undefined,
): EmbedFinish {
  const route = first && { ...first, upstreamId: '', warnings: [] }
  return { cost: savedCost(saved), route: cachedRoute(route, context, '') }
}

/** Finish of a response made partly of stored vectors. */
export function withSaved({ usage, cost, route }: EmbedResponse, saved: number | undefined): EmbedFinish {
  return { usage, cost: cost && saved !== undefined ? { ...cost, savedUsd: saved } : cost, route }
}

/** Total cost of computing these vectors; undefined when none is known. */
export function savedBy(vectors: Iterable<CachedVector>): number | undefined {
  let total: number | undefined
  for (const { usd } of vectors) if (usd !== undefined) total = (total ?? 0) + usd
  return total
}
