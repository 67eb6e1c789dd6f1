import { hash } from 'node:crypto'
import type { Target } from '../../domain/facts.ts'
import type { CacheAddress } from '../../domain/ports/cache.ts'
import { fieldsOf } from '../../domain/proto-fields.ts'

/** Who asks whom. */
export interface Question {
  readonly kind: 'chat' | 'embed'
  readonly caller: string
  /** Empty where the answer is the caller's own. */
  readonly namespace: string
  readonly targets: readonly Target[]
}

/**
 * Where the answer to a question is kept. `bytes` are the question itself: equal bytes are equal questions, unequal
 * ones only cost a miss. Whose the answer is and which targets may give it are part of the key.
 */
export function cacheAddress(question: Question, bytes: readonly Uint8Array[]): CacheAddress {
  const { kind, caller, namespace, targets } = question
  const owner = namespace === '' ? caller : ''
  // No part can hold a NUL, so none can pass for two.
  const scope = `${kind}\0${owner}\0${namespace}\0${addresses(targets)}\0`
  const id = hash('sha256', Buffer.concat([Buffer.from(scope), ...bytes]), 'base64url')
  return { id, owner, label: `${namespace}/${nameOf(targets)}` }
}

/** What was asked: an alias, or `provider/model`. */
export function nameOf([first]: readonly Target[]): string {
  return first ? (first.alias ?? `${first.provider.name}/${first.model}`) : ''
}

/** Their order does not matter: it is the strategy's, and an answer by a fallback is kept for a short time only. */
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
 * A request as it was received, without the fields that cannot change its answer, and without the one that is left
 * out. The request has been decoded.
 */
export function decidingBytes(requestBytes: Uint8Array, leftOut?: number): Uint8Array[] {
  const kept: Uint8Array[] = []
  let from = 0
  for (const { number, start, end } of fieldsOf(requestBytes)) {
    if ((number < FIRST_NEUTRAL || number > LAST_NEUTRAL) && number !== leftOut) continue
    if (start > from) kept.push(requestBytes.subarray(from, start))
    from = end
  }
  if (from < requestBytes.length) kept.push(requestBytes.subarray(from))
  return kept
}
