import { operations } from '../../domain/calls/operations.ts'
import { making, type Policy } from '../../domain/chain.ts'
import type { CacheAddress } from '../../domain/ports/cache.ts'
import type { ChatEvent, ChatRequest } from '../../domain/types.ts'
import type { Planner } from '../planning/planner.ts'
import { type CacheParts, withoutCache } from './cache-use.ts'
import { type CacheableChat, ChatCache } from './chat-cache.ts'
import { cacheAddress, decidingBytes } from './key.ts'

/**
 * Answers from the cache. Equal requests that are under way at the same time share one upstream call, and its response
 * is stored. Without a cache it only refuses calls that require one.
 */
export function cacheChats(parts: CacheParts | undefined): Policy<CacheableChat, unknown, ChatEvent> {
  const cache = parts && new ChatCache(parts)
  return making<CacheableChat, ChatEvent>((next) => (call) => {
    if (cache) return cache.answer(next, call)
    withoutCache(call)
    return next(call)
  })
}

/** Cache address of a chat's response. Throws what planning throws. */
export function chatAddress(
  planner: Planner,
  request: ChatRequest,
  requestBytes: Uint8Array,
  caller: string,
): CacheAddress {
  const targets = planner.targetsFor({ operation: 'chat', request, wishes: operations.chat.wishes(request) })
  const namespace = request.cache?.namespace ?? ''
  return cacheAddress({ kind: 'chat', caller, namespace, targets }, decidingBytes(requestBytes))
}
