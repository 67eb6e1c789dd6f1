import { unsupported } from '../../../../domain/errors/error.ts'
import type { Media, Part } from '../../../../domain/types.ts'
import { fieldsOf, textOf } from '../../json.ts'

/** Bytes, or the URL where the vendor finds them. https://ai.google.dev/gemini-api/docs/file-input-methods */
export function mediaJson(media: Media, signature: string, at: string): string {
  const signed = signature !== '' && { thoughtSignature: signature }
  const { source, mimeType, transcript } = media
  if (source.case === 'data') return JSON.stringify({ inlineData: blob(source.value, mimeType), ...signed })
  if (source.case === 'url') {
    const fileData = { ...(mimeType !== '' && { mimeType }), fileUri: source.value }
    return JSON.stringify({ fileData, ...signed })
  }
  // Transcript of a sound whose bytes were not kept.
  if (transcript !== '') return JSON.stringify({ text: transcript })
  throw unsupported(at, 'the target needs bytes or a URL')
}

/** Media in the result of a tool. https://ai.google.dev/gemini-api/docs/function-calling#multimodal */
export function resultMediaJson(parts: readonly Part[], takesMedia: boolean, at: string): string[] {
  return parts.flatMap(({ content }, index) => {
    if (content.case === 'text' || content.case === undefined) return []
    const { source, mimeType } = content.value
    if (!takesMedia) throw unsupported(`${at}.parts[${index}]`, 'the model takes only text in results of tools')
    if (source.case !== 'data')
      throw unsupported(`${at}.parts[${index}]`, 'the target takes no URL here: send the bytes')
    return JSON.stringify({ inlineData: blob(source.value, mimeType) })
  })
}

function blob(bytes: Uint8Array, mimeType: string) {
  return { mimeType, data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') }
}

/** An image, a sound or a file that the model made; undefined without data. */
export function mediaPart(inlineData: unknown, signature: string): Part | undefined {
  const { mimeType, data } = fieldsOf(inlineData)
  if (textOf(data) === '') return undefined
  const kind = textOf(mimeType).split('/')[0]
  return {
    $typeName: 'llmgateway.v1.Part',
    signature,
    content: {
      case: kind === 'image' || kind === 'audio' ? kind : 'file',
      value: {
        $typeName: 'llmgateway.v1.Media',
        source: { case: 'data', value: Buffer.from(textOf(data), 'base64') },
        mimeType: textOf(mimeType),
        name: '',
        transcript: '',
      },
    },
  }
}
