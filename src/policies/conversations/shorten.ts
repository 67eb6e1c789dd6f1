import type { Message } from '../../domain/types.ts'
import { longestMark, withMark } from './cache-marks.ts'
import type { Turns } from './turns.ts'

/**
 * A conversation without its oldest turns. `instead` takes their place. What they mark for the vendor to cache is marked
 * at the end of what is left before them, or else at the first message that is left.
 */
export function shorten(turns: Turns, dropped: number, instead?: Message): Message[] {
  const { messages, before } = turns.without(dropped)
  if (instead) messages.splice(before, 0, instead)
  const ttl = longestMark(turns.between(0, dropped))
  const index = instead ? before : Math.max(0, before - 1)
  const message = messages[index]
  if (ttl && message) messages[index] = withMark(message, ttl)
  return messages
}
