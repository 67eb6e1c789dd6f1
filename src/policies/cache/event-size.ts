import type { ChatEvent, Part } from '../../domain/types.ts'

/** Size of an event without its contents, in bytes. */
const EMPTY_EVENT = 160

/** Estimated size of an event in memory: most texts take a byte a character. */
export function sizeOf({ event }: ChatEvent): number {
  switch (event.case) {
    case 'text':
      return EMPTY_EVENT + event.value.text.length + event.value.signature.length
    case 'reasoning':
      return EMPTY_EVENT + event.value.text.length + event.value.signature.length + event.value.redacted.length
    case 'toolCall':
      return EMPTY_EVENT + event.value.arguments.length + event.value.signature.length
    case 'refusal':
      return EMPTY_EVENT + event.value.text.length
    case 'part':
      return EMPTY_EVENT + sizeOfPart(event.value.part)
    case 'citation':
      return EMPTY_EVENT + (event.value.citation?.text.length ?? 0) + (event.value.citation?.url.length ?? 0)
    default:
      return 8 * EMPTY_EVENT
  }
}

function sizeOfPart(part: Part | undefined): number {
  const content = part?.content.value
  if (content === undefined || typeof content === 'string') return content?.length ?? 0
  return (content.source.value?.length ?? 0) + content.transcript.length
}
