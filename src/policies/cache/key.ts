import { hash } from 'node:crypto'
import type { Task } from '../../domain/calls/call.ts'
import type { Target } from '../../domain/calls/facts.ts'
import type { CacheAddress } from '../../domain/ports/cache.ts'
import { withoutFields } from '../../domain/proto-fields.ts'

/** What a cache key depends on beside the request. */
export interface Question {
  readonly kind: Task
  /** Id of the caller. */
  readonly caller: string
  /** Whose share of the store the entry takes. Not part of the key. */
  readonly holder: string
  /** Empty when the entry belongs to the caller. */
  readonly namespace: string
  readonly targets: readonly Target[]
}

/**
 * Cache address of a request. `bytes` are the request itself: equal bytes are equal requests, different bytes only cost
 * a miss. The owner and the possible targets are part of the key.
 */
export function cacheAddress(question: Question, bytes: readonly Uint8Array[]): CacheAddress {
  const { kind, caller, holder, namespace, targets } = question
  const owner = namespace === '' ? caller : ''
  const asked = addresses(targets)
  // With their lengths, so that no part can pass for two: names come from tokens and configurations.
  const scope = `${kind}/${owner.length}/${namespace.length}/${asked.length}/${owner}/${namespace}/${asked}/`
  const id = hash('sha256', Buffer.concat([Buffer.from(scope), ...bytes]), 'base64url')
  return { id, owner, holder, label: `${namespace}/${nameOf(targets)}` }
}

/** The alias that was asked for, or `provider/model`. */
export function nameOf([first]: readonly Target[]): string {
  return first ? (first.alias ?? `${first.provider.name}/${first.model}`) : ''
}

/** Their order does not matter: it follows from the strategy, and the response of a fallback is stored only briefly. */
function addresses(targets: readonly Target[]): string {
  const [first] = targets
  if (targets.length === 1 && first) return `${first.provider.name}/${first.model}`
  return targets
    .map(({ provider, model }) => `${provider.name}/${model}`)
    .sort()
    .join('\n')
}

/** The fields that cannot change an answer share one block of numbers: cache, user_id, session_id, labels. */
const FIRST_NEUTRAL = 20
const LAST_NEUTRAL = 23

/**
 * The bytes of a request that decide its answer: those as received, without the fields that cannot change the answer,
 * and without `leftOut`. Equal bytes mean equal requests, because the decoder reads each field by itself and the check
 * of requests accepts no bytes that could be read in two ways. Clients that encode one request differently only miss.
 */
export function decidingBytes(requestBytes: Uint8Array, leftOut?: number): Uint8Array[] {
  return withoutFields(
    requestBytes,
    (number) => (number >= FIRST_NEUTRAL && number <= LAST_NEUTRAL) || number === leftOut,
  )
}
