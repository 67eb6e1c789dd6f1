import { hash } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { CachedEntry, CachedResult, CachedVector } from '../../domain/ports/cache.ts'
import { type ChatEvent, ChatEventSchema, type EmbedResponse, EmbedResponseSchema } from '../../domain/types.ts'

/** An answer as it is kept elsewhere, and until when: wall time in ms. */
export interface Stored {
  readonly kept: CachedEntry
  readonly until: number
}

/** `LGC` and the version of this form: what was written in another form is not read. */
const FORM = Buffer.from([0x4c, 0x47, 0x43, 1])
const DIGEST = 16
const HEAD = FORM.length + DIGEST
/** The kind of the answer, when it was stored and until when. */
const FACTS = 1 + 8 + 8
const CHAT = 0
const VECTOR = 1

/**
 * An answer as bytes: the form, a digest over its id and all that follows, the facts, then the events of a chat, each
 * behind its length, or a vector. So what was damaged, or belongs to another question, is told from what is whole.
 */
export function encodeStored(id: string, { kept, until }: Stored): Buffer {
  const { answer, storedAt } = kept
  const facts = Buffer.alloc(FACTS)
  facts[0] = answer.kind === 'chat' ? CHAT : VECTOR
  facts.writeDoubleBE(storedAt, 1)
  facts.writeDoubleBE(until, 9)
  const payload = Buffer.concat([
    facts,
    ...(answer.kind === 'chat' ? chatBytes(answer.events) : [vectorBytes(answer.vector)]),
  ])
  return Buffer.concat([FORM, digestOf(id, payload), payload])
}

/** Undefined for anything but the answer with this id, whole and in this form. */
export function decodeStored(id: string, bytes: Buffer): Stored | undefined {
  if (bytes.length < HEAD + FACTS || !bytes.subarray(0, FORM.length).equals(FORM)) return undefined
  const payload = bytes.subarray(HEAD)
  if (!bytes.subarray(FORM.length, HEAD).equals(digestOf(id, payload))) return undefined
  const body = payload.subarray(FACTS)
  const answer: CachedResult =
    payload[0] === CHAT ? { kind: 'chat', events: eventsOf(body) } : { kind: 'vector', vector: vectorOf(body) }
  const kept: CachedEntry = { answer, storedAt: payload.readDoubleBE(1), bytes: bytes.length }
  return { kept, until: payload.readDoubleBE(9) }
}

function digestOf(id: string, payload: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(id), payload]), 'buffer').subarray(0, DIGEST)
}

function chatBytes(events: readonly ChatEvent[]): Uint8Array[] {
  return events.flatMap((event) => {
    const bytes = toBinary(ChatEventSchema, event)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  })
}

function eventsOf(body: Buffer): ChatEvent[] {
  const events: ChatEvent[] = []
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32BE(at)
    events.push(fromBinary(ChatEventSchema, body.subarray(at + 4, end)))
    at = end
  }
  return events
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
