import type { CallContext, Caller, Operation, TextRequest } from '../../domain/calls/call.ts'
import { callerIds } from '../../domain/calls/caller-id.ts'
import { GatewayError, invalid } from '../../domain/errors/error.ts'
import type { CacheAddress, CacheSelection, CacheStore } from '../../domain/ports/cache.ts'
import type { StatsSource } from '../../domain/ports/operations/stats.ts'
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
    readonly callerId: string
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

export function createClearCache(
  cache: CacheAdmin | undefined,
): (request: ClearCacheRequest, context: CallContext, caller: Caller) => Promise<ClearCacheResponse> {
  return async (request, { requestBytes }, caller) => {
    if (!cache) throw noCache()
    const owners = request.caller ? callerIds(request.caller) : [caller.id]
    let cleared = 0
    const selections = selectionsOf(cache, request, requestBytes, owners)
    for (const selection of selections) cleared += await cache.store.clear(selection)
    if (selections[0]?.by === 'id' && cleared === 0) {
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

/** What is cleared of the answers of these owners. Throws INVALID_REQUEST. */
function selectionsOf(
  cache: CacheAdmin,
  request: ClearCacheRequest,
  requestBytes: Uint8Array,
  owners: readonly string[],
): readonly CacheSelection[] {
  const { answers } = request
  const answersTo = (operation: Operation, answered: TextRequest, field: number): readonly CacheSelection[] => {
    const cached = { operation, request: answered, requestBytes: fieldBytes(requestBytes, field) }
    const ids = new Set(owners.map((callerId) => cache.addressOf({ ...cached, callerId }).id))
    return [...ids].map((id) => ({ by: 'id', id }))
  }
  switch (answers.case) {
    case 'all':
      if (!answers.value) throw invalid('all', 'must be true if it is set')
      return request.caller ? [{ by: 'pattern', pattern: '*', owners }] : [{ by: 'all' }]
    case 'pattern':
      checkPattern(answers.value)
      return [{ by: 'pattern', pattern: answers.value, owners }]
    case 'cacheId':
      if (!ID.test(answers.value)) throw invalid('cache_id', 'must be a Route.cache_id: 43 characters')
      return [{ by: 'id', id: answers.value }]
    case 'request':
      validateChat(answers.value)
      return answersTo('chat', answers.value, ClearCacheRequestSchema.field.request.number)
    case 'complete':
      validateComplete(answers.value)
      return answersTo('complete', answers.value, ClearCacheRequestSchema.field.complete.number)
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
