import type { Call } from '../../domain/calls/call.ts'
import type { Planned, Routed } from '../../domain/calls/facts.ts'
import type { Policy } from '../../domain/chain.ts'
import { type ChatRequest, type Message, type Part, Role } from '../../domain/types.ts'
import { rulesFor } from './rules.ts'
import { TextTrimmer } from './text-trimmer.ts'

type Needs = Call<ChatRequest> & Planned & Routed

/** Removes what has no meaning from the texts of a chat, where the alias says so: see `TextTrimmer`. */
export function trimTexts(): Policy<Needs> {
  return (next) => (call) => {
    if (!rulesFor(call, call.target)?.trim) return next(call)
    const { request } = call
    return next({ ...call, request: { ...request, messages: request.messages.map(trimmed) } })
  }
}

const TRIMMED: readonly Role[] = [Role.SYSTEM, Role.DEVELOPER, Role.USER]

/** What the model has written stays as it is, and so do results of tools. */
function trimmed(message: Message): Message {
  if (!TRIMMED.includes(message.role)) return message
  const { content, parts } = message
  if (parts.length === 0) return { ...message, content: new TextTrimmer().trim(content, true) }
  const trimmer = new TextTrimmer()
  const last = parts.findLastIndex((part) => part.content.case === 'text')
  // The content of a message with parts is their text again.
  return { ...message, content: '', parts: parts.map((part, index) => trimmedPart(part, trimmer, index === last)) }
}

function trimmedPart(part: Part, trimmer: TextTrimmer, isLast: boolean): Part {
  if (part.content.case !== 'text') return part
  return { ...part, content: { case: 'text', value: trimmer.trim(part.content.value, isLast) } }
}
