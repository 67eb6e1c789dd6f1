import { unsupported } from '../../../domain/errors/error.ts'
import type { Media, Message, Part } from '../../../domain/types.ts'

/** The text of a message that can hold nothing else. Throws UNSUPPORTED for other content. */
export function plainText(message: Message, at: string): string {
  const other = message.parts.findIndex((part) => !isText(part))
  if (other >= 0) throw unsupported(`${at}.parts[${other}]`, 'the target takes only text here')
  return textOf(message)
}

export function isText(part: Part): boolean {
  return part.content.case === 'text'
}

/** The text of a message. `content` beside parts is their text joined, or the text of a response that is sent back. */
export function textOf({ content, parts }: Message): string {
  if (content !== '') return content
  let text = ''
  for (const part of parts) if (part.content.case === 'text') text += part.content.value
  return text
}

export function fileName({ name, mimeType }: Media): string {
  if (name !== '') return name
  return mimeType === 'application/pdf' ? 'file.pdf' : 'file'
}

/** The address of a medium; its bytes as a `data:` URL. */
export function urlOf({ source, mimeType }: Media): string {
  return source.case === 'data' ? `data:${mimeType};base64,${base64(source.value)}` : (source.value ?? '')
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
