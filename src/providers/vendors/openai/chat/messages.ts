import { unsupported } from '../../../../domain/errors/error.ts'
import { type Media, type Message, type Part, type Reasoning, Role, type ToolCall } from '../../../../domain/types.ts'
import { isObject, parseJson } from '../../json.ts'
import { leaveOutSignatures, makerOf } from '../../signature.ts'
import { fittingCallId } from '../call-ids.ts'
import { base64, fileName, isText, plainText, textOf, urlOf } from '../content.ts'
import type { ContentKind, OpenAiDialect, OpenAiRules } from '../dialect.ts'
import { joinedUserMessages } from './joined-messages.ts'

type Fields = Record<string, unknown>

/** The conversation in the vendor's spelling. Throws UNSUPPORTED for content that the vendor cannot carry. */
export function encodeMessages(
  messages: readonly Message[],
  dialect: OpenAiDialect,
  rules: OpenAiRules,
  leaveOut: (field: string, why: string) => void,
): Fields[] {
  const encoded = messages.map((message, index) => {
    const at = `messages[${index}]`
    const fields = encodeMessage(message, at, dialect, rules)
    leaveOutForeign(message, at, dialect, leaveOut)
    if (message.name !== '' && message.role !== Role.TOOL) {
      if (dialect.names) fields['name'] = fittingName(message.name, rules)
      else leaveOut(`${at}.name`, 'the vendor has no names of participants')
    }
    return fields
  })
  return dialect.joinsUserMessages ? joinedUserMessages(encoded) : encoded
}

function encodeMessage(message: Message, at: string, dialect: OpenAiDialect, rules: OpenAiRules): Fields {
  switch (message.role) {
    case Role.SYSTEM:
    case Role.DEVELOPER:
      return { role: instructionRole(message.role, dialect, rules), content: plainText(message, at) }
    case Role.ASSISTANT:
      return encodeAssistant(message, at, dialect, rules)
    case Role.TOOL:
      return {
        role: 'tool',
        tool_call_id: fittingCallId(message.toolCallId, dialect.toolCallId),
        content: plainText(message, at),
      }
    default:
      return { role: 'user', content: encodeContent(message, at, dialect) }
  }
}

/** The role that instructions are sent in. */
export function instructionRole(role: Role, { developerRole }: OpenAiDialect, { systemRole }: OpenAiRules): string {
  return systemRole ?? (role === Role.DEVELOPER && developerRole ? 'developer' : 'system')
}

/** A name that the vendor takes: the name itself, or without the characters that it refuses. */
export function fittingName(name: string, { toolNames }: OpenAiRules): string {
  return !toolNames || toolNames.test(name) ? name : name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64)
}

/** Text alone goes as one string, which every server of the family reads. */
function encodeContent(message: Message, at: string, dialect: OpenAiDialect): string | Fields[] {
  if (message.parts.every(isText)) return textOf(message)
  return message.parts.map((part, index) => encodePart(part, `${at}.parts[${index}]`, dialect))
}

function isImage(part: Part): boolean {
  return part.content.case === 'image'
}

function encodePart({ content }: Part, at: string, dialect: OpenAiDialect): Fields {
  const carries = (kind: ContentKind): void => {
    if (!dialect.content.includes(kind)) throw unsupported(at, `the target takes no ${names[kind]}`)
  }
  const mistral = dialect.contentSpelling === 'mistral'
  switch (content.case) {
    case 'image': {
      carries('image')
      const url = urlOf(content.value)
      return { type: 'image_url', image_url: mistral ? url : { url } }
    }
    case 'audio':
      carries('audio')
      return { type: 'input_audio', input_audio: mistral ? base64OrUrl(content.value) : sound(content.value, at) }
    case 'file': {
      carries(content.value.source.case === 'url' ? 'file_url' : 'file')
      const url = urlOf(content.value)
      if (mistral) return { type: 'document_url', document_url: url }
      return { type: 'file', file: { filename: fileName(content.value), file_data: url } }
    }
    default:
      return { type: 'text', text: content.value ?? '' }
  }
}

const names: Readonly<Record<ContentKind, string>> = {
  image: 'images',
  audio: 'sound',
  file: 'files',
  file_url: 'files by URL: send the bytes',
}

function sound(media: Media, at: string): Fields {
  if (media.source.case !== 'data') throw unsupported(at, 'the target takes no sound by URL: send the bytes')
  const subtype = media.mimeType.replace(/^.*\//, '').replace(/^x-|;.*$/g, '')
  return { data: base64(media.source.value), format: soundFormats[subtype] ?? subtype }
}

const soundFormats: Readonly<Record<string, string>> = { mpeg: 'mp3', wave: 'wav', 'vnd.wave': 'wav', mp4: 'm4a' }

function base64OrUrl({ source }: Media): string {
  return source.case === 'data' ? base64(source.value) : (source.value ?? '')
}

function encodeAssistant(message: Message, at: string, dialect: OpenAiDialect, rules: OpenAiRules): Fields {
  const fields: Fields = { role: 'assistant', content: assistantText(message, at, dialect) }
  if (message.refusal !== '' && dialect.refusals) fields['refusal'] = message.refusal
  if (message.toolCalls.length > 0)
    fields['tool_calls'] = message.toolCalls.map((call) => encodeCall(call, dialect, rules))
  const images = message.parts.flatMap(({ content }) => (content.case === 'image' ? [content.value] : []))
  if (images.length > 0)
    fields['images'] = images.map((image) => ({ type: 'image_url', image_url: { url: urlOf(image) } }))
  if (message.reasoning.length > 0) replayReasoning(fields, message.reasoning, dialect)
  return fields
}

/**
 * The text of an earlier response, with what the model said in sounds. Null beside calls, images or a refusal where there
 * is no text, as the API itself responds then; elsewhere it refuses null.
 */
export function assistantText(
  message: Message,
  at: string,
  dialect: Pick<OpenAiDialect, 'refusals' | 'imagesBack'>,
): string | null {
  let text = textOf(message)
  if (message.refusal !== '' && !dialect.refusals) text += message.refusal
  for (const [index, { content }] of message.parts.entries()) {
    if (content.case === 'audio' && content.value.transcript !== '') text += content.value.transcript
    else if (content.case !== 'text' && !(content.case === 'image' && dialect.imagesBack)) {
      throw unsupported(`${at}.parts[${index}]`, 'the target takes only text in an earlier answer')
    }
  }
  const isSilent =
    message.toolCalls.length > 0 || message.parts.some(isImage) || (message.refusal !== '' && dialect.refusals)
  return text === '' && isSilent ? null : text
}

function encodeCall(call: ToolCall, dialect: OpenAiDialect, rules: OpenAiRules): Fields {
  const fields: Fields = {
    id: fittingCallId(call.id, dialect.toolCallId),
    type: 'function',
    // Arguments may be empty where the tool has none; the family wants JSON.
    function: { name: fittingName(call.name, rules), arguments: call.arguments === '' ? '{}' : call.arguments },
  }
  if (isReplayed(call.signature, dialect)) fields['extra_content'] = thoughtSignature(call.signature)
  return fields
}

/** Whether a signature is sent back as one of Google's. */
function isReplayed(signature: string, { thoughtSignatures }: OpenAiDialect): boolean {
  const maker = makerOf(signature)
  return thoughtSignatures && signature !== '' && maker !== 'anthropic' && maker !== 'openai'
}

/** https://ai.google.dev/gemini-api/docs/thought-signatures */
function thoughtSignature(signature: string): Fields {
  return { google: { thought_signature: signature } }
}

function replayReasoning(fields: Fields, blocks: readonly Reasoning[], dialect: OpenAiDialect): void {
  const text = blocks.map((block) => block.text).join('')
  const signed = blocks.find(({ signature }) => isReplayed(signature, dialect))
  if (signed) fields['extra_content'] = thoughtSignature(signed.signature)
  switch (dialect.replay) {
    case 'reasoning_content':
    case 'reasoning':
      if (text !== '') fields[dialect.replay] = text
      break
    case 'reasoning_details':
      fields['reasoning_details'] = blocks.map(reasoningDetail)
      break
    case 'thinking':
      if (text !== '') {
        const thinking = { type: 'thinking', thinking: [{ type: 'text', text }] }
        const said = typeof fields['content'] === 'string' ? [{ type: 'text', text: fields['content'] }] : []
        fields['content'] = [thinking, ...said]
      }
      break
    case undefined:
      break
    default:
      dialect.replay satisfies never
  }
}

/** Reports what is left out because only another vendor can read it. */
function leaveOutForeign(
  { parts, reasoning, toolCalls }: Message,
  at: string,
  dialect: OpenAiDialect,
  leaveOut: (field: string, why: string) => void,
): void {
  const { replay } = dialect
  const goesAlong = (signature: string): boolean => isReplayed(signature, dialect)
  leaveOutSignatures(parts, `${at}.parts`, leaveOut)
  leaveOutSignatures(toolCalls, `${at}.tool_calls`, leaveOut, goesAlong)
  if (replay === 'reasoning_details') return
  for (const [index, { signature, redacted }] of reasoning.entries()) {
    const field = `${at}.reasoning[${index}]`
    if (redacted !== '') leaveOut(field, 'only the vendor that encrypted it can read it')
    else if (signature !== '' && replay === undefined) leaveOut(field, 'the vendor takes no reasoning back')
  }
  if (replay !== undefined) leaveOutSignatures(reasoning, `${at}.reasoning`, leaveOut, goesAlong)
}

/** https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks */
function reasoningDetail({ text, signature, redacted }: Reasoning): Fields {
  if (redacted === '') return { type: 'reasoning.text', text, ...(signature !== '' && { signature }) }
  const whole = parseJson(redacted)
  return isObject(whole) ? { ...whole } : { type: 'reasoning.encrypted', data: redacted }
}
