import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { CachedEntry, CachedResult, CachedVector } from '../../domain/ports/cache.ts'
import { type EmbedResponse, EmbedResponseSchema } from '../../domain/types.ts'
import { decodeEvents, encodeEvents } from '../chat-events.ts'
import { seal, unseal } from '../sealed.ts'

/** A cached result as stored outside of this process. */
export interface StoredEntry {
  readonly entry: CachedEntry
  /** Expiry as wall time in ms. */
  readonly until: number
}

/** `LGC` and the version of this format. Other formats are not read. */
const FORMAT = Buffer.from([0x4c, 0x47, 0x43, 1])
/** Length of kind, time of storing and expiry. */
const FACTS_LENGTH = 1 + 8 + 8
const CHAT = 0
const VECTOR = 1

/**
 * Encodes a cached result: the format, a digest over the id and everything behind it, the facts, then a vector or the
 * events of a chat, each after its length. The digest reveals damage and entries of another request.
 */
export function encodeStored(id: string, { entry, until }: StoredEntry): Buffer {
  const { answer, storedAt } = entry
  const facts = Buffer.alloc(FACTS_LENGTH)
  facts[0] = answer.kind === 'chat' ? CHAT : VECTOR
  facts.writeDoubleBE(storedAt, 1)
  facts.writeDoubleBE(until, 9)
  const payload = Buffer.concat([
    facts,
    ...(answer.kind === 'chat' ? encodeEvents(answer.events) : [vectorBytes(answer.vector)]),
  ])
  return seal(FORMAT, id, payload)
}

/** Undefined for anything but the undamaged entry with this id, in this format. */
export function decodeStored(id: string, bytes: Buffer): StoredEntry | undefined {
  const payload = unseal(FORMAT, id, bytes)
  if (!payload || payload.length < FACTS_LENGTH) return undefined
  const body = payload.subarray(FACTS_LENGTH)
  const answer: CachedResult =
    payload[0] === CHAT ? { kind: 'chat', events: decodeEvents(body) } : { kind: 'vector', vector: vectorOf(body) }
  const entry: CachedEntry = { answer, storedAt: payload.readDoubleBE(1), bytes: bytes.length }
  return { entry, until: payload.readDoubleBE(9) }
}

function vectorBytes({ values, provider, model, responseModel, usd }: CachedVector): Uint8Array {
  return toBinary(
    EmbedResponseSchema,
    create(EmbedResponseSchema, {
      embeddings: [{ values }],
      route: { provider, model, responseModel },
      ...(usd !== undefined && { cost: { usd } }),
    }),
  )
}

function vectorOf(body: Buffer): CachedVector {
  const { embeddings, route, cost }: EmbedResponse = fromBinary(EmbedResponseSchema, body)
  return {
    values: embeddings[0]?.values ?? [],
    provider: route?.provider ?? '',
    model: route?.model ?? '',
    responseModel: route?.responseModel ?? '',
    usd: cost?.usd,
  }
}
