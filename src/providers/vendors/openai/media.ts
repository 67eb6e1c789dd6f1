import type { Media, Part } from '../../../domain/types.ts'
import { fieldsOf, textOf } from '../json.ts'

/** An image that the model made, as OpenRouter sends it. https://openrouter.ai/docs/features/multimodal/image-generation */
export function imagePart(image: unknown): Part | undefined {
  const { image_url } = fieldsOf(image)
  const url = textOf(fieldsOf(image_url)['url']) || textOf(image_url)
  if (url === '') return undefined
  const data = /^data:([^;,]*);base64,/.exec(url)
  const media = data
    ? mediaOf({ case: 'data', value: Buffer.from(url.slice(data[0].length), 'base64') }, data[1] ?? '')
    : mediaOf({ case: 'url', value: url }, '')
  return { $typeName: 'llmgateway.v1.Part', signature: '', content: { case: 'image', value: media } }
}

/** An image that the model made, in base64. https://platform.openai.com/docs/guides/tools-image-generation */
export function imageOf(base64: unknown, format: unknown): Part | undefined {
  if (textOf(base64) === '') return undefined
  const media = mediaOf(
    { case: 'data', value: Buffer.from(textOf(base64), 'base64') },
    `image/${textOf(format) || 'png'}`,
  )
  return { $typeName: 'llmgateway.v1.Part', signature: '', content: { case: 'image', value: media } }
}

/** A sound that the model made, joined from its pieces. https://platform.openai.com/docs/guides/audio */
export class Sound {
  #pieces: Buffer[] = []
  #transcript = ''

  add(audio: unknown): void {
    const { data, transcript } = fieldsOf(audio)
    // Each piece is base64 by itself: they cannot be joined before they are decoded.
    if (textOf(data) !== '') this.#pieces.push(Buffer.from(textOf(data), 'base64'))
    this.#transcript += textOf(transcript)
  }

  /** The whole sound; undefined where there was none. */
  take(): Part | undefined {
    if (this.#pieces.length === 0 && this.#transcript === '') return undefined
    const bytes = Buffer.concat(this.#pieces)
    const media = mediaOf({ case: 'data', value: bytes }, soundType(bytes), this.#transcript)
    this.#pieces = []
    this.#transcript = ''
    return { $typeName: 'llmgateway.v1.Part', signature: '', content: { case: 'audio', value: media } }
  }
}

function mediaOf(source: Media['source'], mimeType: string, transcript = ''): Media {
  return { $typeName: 'llmgateway.v1.Media', source, mimeType, name: '', transcript }
}

/** The type by the first bytes: the reply does not name the format. Streams are raw samples. */
function soundType(bytes: Buffer): string {
  const start = bytes.toString('latin1', 0, 4)
  if (start === 'RIFF') return 'audio/wav'
  if (start === 'fLaC') return 'audio/flac'
  if (start === 'OggS') return 'audio/ogg'
  if (start.startsWith('ID3') || (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0)) return 'audio/mpeg'
  return 'audio/pcm'
}
