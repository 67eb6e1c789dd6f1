import { create } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { mediaInput, mediaTokensOf, mostMediaTokens } from '../../../src/domain/tokens/media.ts'
import { type Media, MediaSchema } from '../../../src/domain/types.ts'

function media(source: Media['source'], mimeType = ''): Media {
  return create(MediaSchema, { source, mimeType })
}

const bytes = (length: number) => ({ case: 'data' as const, value: new Uint8Array(length) })
const url = { case: 'url' as const, value: 'https://example.com/x' }

/** A header of 44 bytes that says how many bytes a second has, and so many bytes behind it. */
function wave(perSecond: number, length: number): Media['source'] {
  const value = Buffer.alloc(44 + length)
  value.write('RIFF', 0)
  value.write('WAVEfmt ', 8)
  value.writeUInt32LE(perSecond, 28)
  return { case: 'data', value }
}

it('knows the length of a sound, and about that of a file', () => {
  expect(mediaInput('audio', media(wave(88_200, 882_000 - 44))).seconds).toBe(10)
  expect(mediaInput('audio', media(bytes(160_000))).seconds).toBe(10)
  expect(mediaInput('file', media(bytes(120_000), 'application/pdf')).pages).toBe(3)
  expect(mediaInput('file', media(bytes(120_000), 'text/plain')).pages).toBeUndefined()
  for (const kind of ['image', 'audio', 'file'] as const) {
    expect(mediaInput(kind, media(url))).toMatchObject({
      bytes: 0,
      size: undefined,
      seconds: undefined,
      pages: undefined,
    })
  }
})

it('counts 1,000 tokens for what no rule is about, and a text by its length', () => {
  const usual = (kind: 'image' | 'audio' | 'file', source: Media['source'], type?: string) =>
    mediaTokensOf(mediaInput(kind, media(source, type)), undefined)
  expect(usual('image', bytes(500_000))).toBe(1_000)
  expect(usual('image', url)).toBe(1_000)
  expect(usual('audio', bytes(500_000))).toBe(1_000)
  expect(usual('file', url)).toBe(1_000)
  expect(usual('file', bytes(120_000), 'application/pdf')).toBe(3_000)
  expect(usual('file', bytes(120_000), 'text/plain')).toBe(30_000)
})

it('bounds an image of known size by its vendor’s rule, and others by their bytes', () => {
  const image = { ...mediaInput('image', media(bytes(4_000_000))), size: { width: 1_000, height: 1_000 } }
  expect(mostMediaTokens(image, () => 1_600)).toBe(5_000)
  expect(mostMediaTokens(image, () => 48_000)).toBe(96_000)
  expect(mostMediaTokens(image, undefined)).toBe(1_000_000)
  expect(mostMediaTokens({ ...image, size: undefined }, () => 1_600)).toBe(1_000_000)
})
