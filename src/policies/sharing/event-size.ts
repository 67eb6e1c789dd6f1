import type { AnyEvent } from '../../domain/streams/events.ts'
import type { ChatEvent, Embedding, Part } from '../../domain/types.ts'

/** Size of an event without its contents, in bytes: in memory, and encoded. */
const EMPTY_EVENT = 160
const EMPTY_ENCODED = 16
/** Size of a start, a finish and the like, encoded. */
const FACTS_ENCODED = 512
/** Encoded, a number of a vector takes 4 bytes. */
const NUMBER_ENCODED = 4

/** Estimated size of an event in memory: most texts take a byte a character. */
export function sizeOf(event: ChatEvent): number {
  const content = contentOf(event)
  return content === undefined ? 8 * EMPTY_EVENT : EMPTY_EVENT + content
}

/** Estimated size of an event where it is stored, encoded. */
export function encodedSizeOf(event: AnyEvent): number {
  if (event.event.case === 'embeddings') return vectorsSize(event.event.value)
  if (event.event.case === 'finish') return FACTS_ENCODED
  const content = contentOf(event as ChatEvent) // the events of an embedding call are those two
  return content === undefined ? FACTS_ENCODED : EMPTY_ENCODED + content
}

function vectorsSize(embeddings: readonly Embedding[]): number {
  return embeddings.reduce((sum, { values }) => sum + EMPTY_ENCODED + NUMBER_ENCODED * values.length, 0)
}

/** Length of what an event brings of a response; undefined for one that brings none. */
function contentOf({ event }: ChatEvent): number | undefined {
  switch (event.case) {
    case 'text':
      return event.value.text.length + event.value.signature.length
    case 'reasoning':
      return event.value.text.length + event.value.signature.length + event.value.redacted.length
    case 'toolCall':
      return event.value.arguments.length + event.value.signature.length
    case 'refusal':
      return event.value.text.length
    case 'part':
      return sizeOfPart(event.value.part)
    case 'citation':
      return (event.value.citation?.text.length ?? 0) + (event.value.citation?.url.length ?? 0)
    default:
      return undefined
  }
}

function sizeOfPart(part: Part | undefined): number {
  const content = part?.content.value
  if (content === undefined || typeof content === 'string') return content?.length ?? 0
  return (content.source.value?.length ?? 0) + content.transcript.length
}
