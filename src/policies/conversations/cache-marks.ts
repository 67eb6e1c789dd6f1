import type { Message, Part } from '../../domain/types.ts'

/** For how long a vendor is asked to cache a prefix. */
type Ttl = NonNullable<Part['cacheTtl']>

/** The longest time for which these messages mark a prefix; undefined if none of them does. */
export function longestMark(messages: readonly Message[]): Ttl | undefined {
  let longest: Ttl | undefined
  for (const { parts } of messages) for (const { cacheTtl } of parts) longest = longer(longest, cacheTtl)
  return longest
}

/** The message with a mark at its end. An empty one cannot be marked. */
export function withMark(message: Message, ttl: Ttl): Message {
  const parts = message.parts.length > 0 ? [...message.parts] : textParts(message.content)
  const last = parts.pop()
  const cacheTtl = longer(last?.cacheTtl, ttl)
  if (!last || !cacheTtl) return message
  return { ...message, content: '', parts: [...parts, { ...last, cacheTtl }] }
}

function textParts(text: string): Part[] {
  return text === '' ? [] : [{ $typeName: 'llmgateway.v1.Part', content: { case: 'text', value: text }, signature: '' }]
}

function longer(a: Ttl | undefined, b: Ttl | undefined): Ttl | undefined {
  if (!a || !b) return a ?? b
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.nanos >= b.nanos) ? a : b
}
