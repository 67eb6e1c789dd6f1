import { createHash, type Hash } from 'node:crypto'
import type { AnyRequest } from '../../domain/calls/call.ts'

/** What cannot change an answer, as for the cache. */
const NEUTRAL: readonly string[] = ['cache', 'userId', 'sessionId', 'labels']

/**
 * SHA-256 of a request. Unlike the key of the cache it is made of the decoded message, members in order: a client that
 * encodes its request again, with the same map in another order, repeats the same call.
 */
export function fingerprintOf(request: AnyRequest): string {
  const hash = createHash('sha256')
  addMembers(hash, request, NEUTRAL)
  return hash.digest('base64url')
}

/** Each value with its type and its length, so that no two requests can have the same bytes. */
function add(hash: Hash, value: unknown): void {
  if (typeof value === 'string') hash.update(`s${Buffer.byteLength(value)}:`).update(value)
  else if (value instanceof Uint8Array) hash.update(`b${value.length}:`).update(value)
  else if (Array.isArray(value)) {
    hash.update(`a${value.length}:`)
    for (const item of value) add(hash, item)
  } else if (typeof value === 'object' && value !== null) addMembers(hash, value)
  else hash.update(`${typeof value}:${value};`)
}

function addMembers(hash: Hash, value: object, leftOut: readonly string[] = []): void {
  const members = Object.entries(value)
    .filter(([name, member]) => member !== undefined && !leftOut.includes(name))
    .sort(([one], [other]) => (one < other ? -1 : 1))
  hash.update(`o${members.length}:`)
  for (const [name, member] of members) {
    add(hash, name)
    add(hash, member)
  }
}
