import type { Operation, TextRequest } from '../../domain/calls/call.ts'
import type { Shared } from '../../domain/calls/facts.ts'
import { operations } from '../../domain/calls/operations.ts'
import { making, type Policy } from '../../domain/chain.ts'
import type { Clock } from '../../domain/clock.ts'
import type { CacheAddress } from '../../domain/ports/cache.ts'
import type { ChatEvent } from '../../domain/types.ts'
import type { Planner } from '../planning/planner.ts'
import { type CacheParts, withoutStore } from './cache-use.ts'
import { cacheAddress, decidingBytes } from './key.ts'
import { type CacheableCall, TextCache } from './text-cache.ts'

/**
 * Answers from the cache. Equal requests that are under way at the same time share one upstream call, and its response
 * is stored. Without a cache only equal items of batches share a call, and calls that require the cache are refused.
 */
export function cacheTexts(parts: CacheParts | undefined, clock: Clock): Policy<CacheableCall, Shared, ChatEvent> {
  const cache = new TextCache(parts ?? withoutStore(clock))
  return making<CacheableCall, ChatEvent, Shared>((next) => (call) => cache.answer(next, call))
}

/** A request, and the caller that it is cached for. */
export interface CachedRequest {
  readonly operation: Operation
  readonly request: TextRequest
  /** As in CallContext. */
  readonly requestBytes: Uint8Array
  readonly callerId: string
}

/** Cache address of the response to a request. Throws what planning throws. */
export function addressOf(
  planner: Planner,
  { operation, request, requestBytes, callerId }: CachedRequest,
): CacheAddress {
  const { task, wishes } = operations[operation]
  const targets = planner.targetsFor({ operation, request, wishes: wishes(request) })
  const namespace = request.cache?.namespace ?? ''
  const question = { kind: task, caller: callerId, holder: callerId, namespace, targets }
  return cacheAddress(question, decidingBytes(requestBytes))
}
