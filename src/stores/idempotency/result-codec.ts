import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type ErrorFacts, GatewayError } from '../../domain/errors/error.ts'
import { isReason } from '../../domain/errors/reasons.ts'
import { type KeptResult, MAX_KEPT_BYTES } from '../../domain/ports/idempotency.ts'
import type { EmbedEvent } from '../../domain/streams/events.ts'
import { type ChatEvent, EmbedResponseSchema } from '../../domain/types.ts'
import { decodeEvents, encodeEvents } from '../chat-events.ts'
import { seal, unseal } from '../sealed.ts'

/** `LGI` and the version of this format. Other formats are not read. */
const FORMAT = Buffer.from([0x4c, 0x47, 0x49, 1])
/** Length of the kind of the events, and of the length of the error. */
const FACTS_LENGTH = 1 + 4
const TEXT = 0
const VECTORS = 1

/** Encodes a result: whether it is text or vectors, its error after its length, then its events. */
export function encodeResult(id: string, { events, error }: KeptResult): Buffer {
  const isVectors = events.some(({ event }) => event.case === 'embeddings')
  const failure = error ? Buffer.from(JSON.stringify(failureOf(error))) : Buffer.alloc(0)
  const facts = Buffer.alloc(FACTS_LENGTH)
  facts[0] = isVectors ? VECTORS : TEXT
  facts.writeUInt32BE(failure.length, 1)
  // A call has events of one kind.
  const body = isVectors ? [vectorBytes(events as EmbedEvent[])] : encodeEvents(events as ChatEvent[])
  return seal(FORMAT, id, Buffer.concat([facts, failure, ...body]))
}

/** The encoded form of a result that can be kept; undefined for none, and for one that is too large. */
export function encodeKept(id: string, kept: KeptResult | undefined): Buffer | undefined {
  const encoded = kept && encodeResult(id, kept)
  return encoded && encoded.length <= MAX_KEPT_BYTES ? encoded : undefined
}

/** Undefined for anything but the undamaged result with this id, in this format. */
export function decodeResult(id: string, bytes: Buffer): KeptResult | undefined {
  const content = unseal(FORMAT, id, bytes)
  if (!content) return undefined
  const end = FACTS_LENGTH + content.readUInt32BE(1)
  const error = end > FACTS_LENGTH ? errorOf(content.toString('utf8', FACTS_LENGTH, end)) : undefined
  const body = content.subarray(end)
  return { events: content[0] === VECTORS ? vectorEvents(body) : decodeEvents(body), error }
}

function vectorBytes(events: readonly EmbedEvent[]): Uint8Array {
  const response = create(EmbedResponseSchema)
  for (const { event } of events) {
    if (event.case === 'embeddings') response.embeddings.push(...event.value)
    else {
      const { id = '', usage, cost, route } = event.value
      Object.assign(response, { id, ...(usage && { usage }), ...(cost && { cost }), ...(route && { route }) })
    }
  }
  return toBinary(EmbedResponseSchema, response)
}

function vectorEvents(body: Buffer): EmbedEvent[] {
  const { embeddings, ...finish } = fromBinary(EmbedResponseSchema, body)
  return [{ event: { case: 'embeddings', value: embeddings } }, { event: { case: 'finish', value: finish } }]
}

/** An error as it is stored. */
interface Failure {
  readonly reason: string
  readonly message: string
  readonly facts: ErrorFacts
}

/** Neither its cause nor what only the log may have. */
function failureOf({ reason, message, facts }: GatewayError): Failure {
  const { fields, quota, provider, model, upstream } = facts
  const { message: said, ...known } = upstream ?? {}
  const shown = upstream?.isMessagePublic ? upstream : known
  return {
    reason,
    message,
    facts: {
      ...(fields && { fields }),
      ...(quota && { quota }),
      ...(provider !== undefined && { provider }),
      ...(model !== undefined && { model }),
      ...(upstream && { upstream: shown }),
    },
  }
}

function errorOf(text: string): GatewayError {
  const { reason, message, facts }: Failure = JSON.parse(text)
  return new GatewayError(isReason(reason) ? reason : 'INTERNAL', message, facts)
}
