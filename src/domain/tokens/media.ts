import type { Media } from '../types.ts'
import { type ImageSize, imageSizeOf } from './image-size.ts'

/** What can be said of an image, a sound or a file without decoding it. */
export interface MediaInput {
  readonly kind: 'image' | 'audio' | 'file'
  /** 0 for one that is named by a URL. */
  readonly bytes: number
  /** Pixels of an image; undefined where its header does not say. */
  readonly size: ImageSize | undefined
  /** Length of a sound: that of a WAV as its header says, of others as if they had 128 kbit/s. Undefined for a URL. */
  readonly seconds: number | undefined
  /** Pages of a file, as if each had 50 KB. Undefined for a URL, and for a text. */
  readonly pages: number | undefined
}

/** A vendor's rule for the input tokens of media; undefined where it has none, or what it depends on is not known. */
export type MediaRule = (media: MediaInput) => number | undefined

/** Tokens of media that no rule covers. */
const USUAL = 1_000
const BYTES_PER_SECOND = 16_000
const BYTES_PER_PAGE = 50_000
const BYTES_PER_TOKEN = 4

export function mediaInput(kind: MediaInput['kind'], { source, mimeType }: Media): MediaInput {
  const data = source.case === 'data' ? source.value : NOTHING
  const bytes = data.length
  const isText = /^(text\/|application\/json)/i.test(mimeType)
  return {
    kind,
    bytes,
    size: kind === 'image' ? imageSizeOf(data) : undefined,
    seconds: kind === 'audio' && bytes > 0 ? bytes / bytesPerSecond(data) : undefined,
    pages: kind === 'file' && bytes > 0 && !isText ? Math.ceil(bytes / BYTES_PER_PAGE) : undefined,
  }
}

const NOTHING = new Uint8Array(0)

/** http://soundfile.sapp.org/doc/WaveFormat/ */
function bytesPerSecond(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const isWave = data.length >= 44 && view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57415645
  return (isWave && view.getUint32(28, true)) || BYTES_PER_SECOND
}

/** Estimated input tokens, by the rule of the target's vendor if it has one. */
export function mediaTokensOf(media: MediaInput, rule: MediaRule | undefined): number {
  return rule?.(media) ?? usualTokens(media)
}

function usualTokens({ kind, bytes, pages }: MediaInput): number {
  if (kind === 'file' && pages === undefined && bytes > 0) return bytes / BYTES_PER_TOKEN
  return USUAL * (pages ?? 1)
}

/** Hardly any vendor counts more for an image. */
const MOST = 5_000

/** At least as many tokens as a vendor is likely to count. */
export function mostMediaTokens(media: MediaInput, rule: MediaRule | undefined): number {
  const known = media.size && rule?.(media)
  return Math.max(MOST, known === undefined ? media.bytes / BYTES_PER_TOKEN : 2 * known)
}
