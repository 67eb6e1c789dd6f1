import { unsupported } from '../../../domain/errors/error.ts'
import type { Media } from '../../../domain/types.ts'
import type { JsonFields } from '../json.ts'

/** https://platform.claude.com/docs/en/build-with-claude/vision */
export function imageFields(image: Media, at: string): JsonFields {
  return { type: 'image', source: imageSource(image, at) }
}

const imageTypes: Readonly<Record<string, string>> = {
  'image/jpeg': 'image/jpeg',
  'image/jpg': 'image/jpeg',
  'image/png': 'image/png',
  'image/gif': 'image/gif',
  'image/webp': 'image/webp',
}

function imageSource({ source, mimeType }: Media, at: string): JsonFields {
  if (source.case !== 'data') return urlSource(source.value ?? '', at)
  const type = imageTypes[typeOf(mimeType)]
  if (type === undefined) throw unsupported(at, 'the target takes images as JPEG, PNG, GIF and WebP only')
  return { type: 'base64', media_type: type, data: base64(source.value) }
}

/** https://platform.claude.com/docs/en/build-with-claude/pdf-support */
export function documentFields(file: Media, at: string): JsonFields {
  return { type: 'document', source: documentSource(file, at), ...(file.name !== '' && { title: file.name }) }
}

function documentSource({ source, mimeType }: Media, at: string): JsonFields {
  const type = typeOf(mimeType)
  const isPdf = type === 'application/pdf'
  if (source.case === 'data' && isPdf) return { type: 'base64', media_type: type, data: base64(source.value) }
  if (source.case === 'data' && isText(type)) {
    return { type: 'text', media_type: 'text/plain', data: Buffer.from(source.value).toString('utf8') }
  }
  if (source.case !== 'url' || !(isPdf || type === '')) {
    throw unsupported(at, 'the target takes PDFs, and the bytes of texts, only')
  }
  return urlSource(source.value, at)
}

function isText(type: string): boolean {
  return type.startsWith('text/') || type === 'application/json'
}

function urlSource(url: string, at: string): JsonFields {
  if (!/^https:/i.test(url)) throw unsupported(at, 'the target fetches from https only: send the bytes')
  return { type: 'url', url }
}

/** Without parameters such as `charset`. */
function typeOf(mimeType: string): string {
  return mimeType.replace(/;.*$/, '').trim().toLowerCase()
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
