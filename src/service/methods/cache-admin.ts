import type { CallContext, Operation, TextRequest } from '../../domain/calls/call.ts'
import { GatewayError, invalid } from '../../domain/errors/error.ts'
import type { CacheAddress, CacheSelection, CacheStore } from '../../domain/ports/cache.ts'
import type { StatsSource } from '../../domain/ports/stats.ts'
import { fieldBytes } from '../../domain/proto-fields.ts'
import {
  type CacheStats,
  type ClearCacheRequest,
  ClearCacheRequestSchema,
  type ClearCacheResponse,
  type GetCacheStatsRequest,
  type GetCacheStatsResponse,
  type ResetStatsRequest,
  type ResetStatsResponse,
} from '../../domain/types.ts'
import type { UnaryMethod } from '../method-types.ts'
import { validateChat, validateComplete } from '../validate/validate.ts'

/** The cache as operators see it. */
export interface CacheAdmin {
  readonly store: CacheStore
  stats(): CacheStats
  /** Where the answer to a request is kept. `requestBytes` as in CallContext. Throws what planning throws. */
  addressOf(cached: {
    readonly operation: Operation
    readonly request: TextRequest
    readonly requestBytes: Uint8Array
    readonly caller: string
  }): CacheAddress
}

const MAX_PATTERN_LENGTH = 256
/** A SHA-256 in base64url. */
const ID = /^[\w-]{43}$/

export function createGetCacheStats(
  cache: CacheAdmin | undefined,
): UnaryMethod<GetCacheStatsRequest, GetCacheStatsResponse> {
  return async () => {
    if (!cache) throw noCache()
    return { $typeName: 'llmgateway.v1.GetCacheStatsResponse', stats: cache.stats() }
  }
}

export function createClearCache(cache: CacheAdmin | undefined): UnaryMethod<ClearCacheRequest, ClearCacheResponse> {
  return async (request, context) => {
    if (!cache) throw noCache()
    const selection = selectionOf(cache, request, context)
    const cleared = await cache.store.clear(selection)
    if (selection.by === 'id' && cleared === 0) {
      throw new GatewayError('CACHE_ENTRY_NOT_FOUND', 'The cache has no answer with this id.')
    }
    return { $typeName: 'llmgateway.v1.ClearCacheResponse', cleared: BigInt(cleared) }
  }
}

export function createResetStats(stats: StatsSource): UnaryMethod<ResetStatsRequest, ResetStatsResponse> {
  return async () => {
    stats.reset()
    return { $typeName: 'llmgateway.v1.ResetStatsResponse' }
  }
}

/** Throws INVALID_REQUEST. */
function selectionOf(
  cache: CacheAdmin,
  request: ClearCacheRequest,
  { record, requestBytes }: CallContext,
): CacheSelection {
  const { answers } = request
  const owner = request.caller || record.caller
  const idOf = (operation: Operation, answered: TextRequest, field: number): CacheSelection => {
    const cached = { operation, request: answered, requestBytes: fieldBytes(requestBytes, field), caller: owner }
    return { by: 'id', id: cache.addressOf(cached).id }
  }
  switch (answers.case) {
    case 'all':
      if (!answers.value) throw invalid('all', 'must be true if it is set')
      if (request.caller) return { by: 'pattern', pattern: '*', owner }
      return { by: 'all' }
    case 'pattern':
      checkPattern(answers.value)
      return { by: 'pattern', pattern: answers.value, owner }
    case 'cacheId':
      if (!ID.test(answers.value)) throw invalid('cache_id', 'must be a Route.cache_id: 43 characters')
      return { by: 'id', id: answers.value }
    case 'request':
      validateChat(answers.value)
      return idOf('chat', answers.value, ClearCacheRequestSchema.field.request.number)
    case 'complete':
      validateComplete(answers.value)
      return idOf('complete', answers.value, ClearCacheRequestSchema.field.complete.number)
    default:
      throw invalid('answers', 'is required: one of all, pattern, cache_id, request or complete')
  }
}

function checkPattern(pattern: string): void {
  if (pattern === '' || pattern.length > MAX_PATTERN_LENGTH) {
    throw invalid('pattern', `must have 1 to ${MAX_PATTERN_LENGTH} characters`)
  }
  if (/[\p{Cc}\s]/u.test(pattern)) throw invalid('pattern', 'must not contain spaces or control characters')
  if (!pattern.includes('/') && !pattern.includes('*')) {
    throw invalid('pattern', 'must be <namespace>/<alias or model>, with * for any characters and ? for one')
  }
}

function noCache(): GatewayError {
  return new GatewayError('NO_CACHE', 'There is no cache. Configure the block "cache" or set CACHE_ENABLED=true.')
}
