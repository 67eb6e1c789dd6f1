import { type Media, type Message, type Part, Role } from '../../domain/types.ts'
import { longerThan, type Violations } from './violations.ts'

const MAX_MESSAGES = 2048
/** Limits in bytes. */
const MAX_URL_LENGTH = 8192
const MAX_MIME_TYPE_LENGTH = 255

const MIME_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w.+-]+=[\w.+-]+)*$/
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\/./i
const INVISIBLE = /[\s\p{C}]/u

/** Adds what is wrong with the messages of a conversation. */
export function checkMessages(messages: readonly Message[], found: Violations): void {
  if (messages.length === 0) found.add('messages', 'must have at least one message')
  if (messages.length > MAX_MESSAGES) {
    found.add('messages', `must not have more than ${MAX_MESSAGES} messages`)
    return
  }
  for (let index = 0; index < messages.length && !found.full; index++) {
    const message = messages[index]
    if (message) checkMessage(`messages[${index}]`, message, found)
  }
}

function checkMessage(at: string, message: Message, found: Violations): void {
  if (message.role === Role.UNSPECIFIED) found.add(`${at}.role`, 'is required')
  else if (!(message.role in Role)) found.add(`${at}.role`, 'must be a known role')
  if (message.parts.length > 0) checkParts(at, message, found)
  if (message.role === Role.ASSISTANT) checkToolCalls(at, message, found)
  else checkNotAssistant(at, message, found)
  checkToolCallId(at, message, found)
}

function checkToolCallId(at: string, { role, toolCallId }: Message, found: Violations): void {
  if (role === Role.TOOL) {
    if (toolCallId === '') found.add(`${at}.tool_call_id`, 'is required in a tool message')
  } else if (toolCallId !== '') found.add(`${at}.tool_call_id`, 'belongs to tool messages only')
}

function checkNotAssistant(at: string, message: Message, found: Violations): void {
  if (message.toolCalls.length > 0) found.add(`${at}.tool_calls`, 'belong to assistant messages only')
  if (message.reasoning.length > 0) found.add(`${at}.reasoning`, 'belongs to assistant messages only')
  if (message.refusal !== '') found.add(`${at}.refusal`, 'belongs to assistant messages only')
}

function checkToolCalls(at: string, message: Message, found: Violations): void {
  for (let index = 0; index < message.toolCalls.length && !found.full; index++) {
    const call = message.toolCalls[index]
    if (call?.id === '') found.add(`${at}.tool_calls[${index}].id`, 'is required')
    if (call?.name === '') found.add(`${at}.tool_calls[${index}].name`, 'is required')
  }
}

function checkParts(at: string, message: Message, found: Violations): void {
  const { content, parts } = message
  if (content !== '' && !mayStandBeside(message)) {
    found.add(`${at}.content`, 'must be empty if there are parts, or their text joined')
  }
  for (let index = 0; index < parts.length && !found.full; index++) {
    const part = parts[index]
    if (part) checkPart(`${at}.parts[${index}]`, part, found)
  }
}

/** Parts of an answer are what the model made beside its text, and an answer can be sent back unchanged. */
function mayStandBeside({ role, content, parts }: Message): boolean {
  let text = ''
  let texts = 0
  for (const part of parts) {
    if (part.content.case !== 'text') continue
    text += part.content.value
    texts++
  }
  return content === text || (role === Role.ASSISTANT && texts === 0)
}

function checkPart(at: string, { content }: Part, found: Violations): void {
  switch (content.case) {
    case undefined:
      found.add(at, 'must have a text, an image, an audio or a file')
      break
    case 'text':
      break
    case 'image':
    case 'audio':
    case 'file':
      checkMedia(`${at}.${content.case}`, content.value, found)
      break
    default:
      content satisfies never
  }
}

function checkMedia(at: string, { source, mimeType }: Media, found: Violations): void {
  if (source.case === undefined) found.add(at, 'must have data or a url')
  else if (source.case === 'url') checkUrl(`${at}.url`, source.value, found)
  else {
    if (source.value.length === 0) found.add(`${at}.data`, 'must not be empty')
    if (mimeType === '') found.add(`${at}.mime_type`, 'is required with data')
  }
  if (mimeType !== '' && (mimeType.length > MAX_MIME_TYPE_LENGTH || !MIME_TYPE.test(mimeType))) {
    found.add(`${at}.mime_type`, 'must be a media type, as in image/png')
  }
}

function checkUrl(field: string, url: string, found: Violations): void {
  if (longerThan(MAX_URL_LENGTH, url)) {
    found.add(field, `must not exceed ${MAX_URL_LENGTH} bytes; send larger contents as data`)
    return
  }
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) found.add(field, 'must begin with http://, https:// or a scheme of the vendor')
  else if (scheme === 'file') found.add(field, 'must not be a local file; send its bytes as data')
  else if (INVISIBLE.test(url)) found.add(field, 'must not contain spaces or control characters')
}
