import { describe, expect, it } from 'vitest'
import { imageSizeOf } from '../../../src/domain/tokens/image-size.ts'

/* Images of one pixel, as encoders write them; the tests write other sizes into their headers. */
const PIXELS = {
  png: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  gif: 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7',
  webpLossy: 'UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA',
  webpLossless: 'UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==',
  webpExtended:
    'UklGRkoAAABXRUJQVlA4WAoAAAAQAAAAAAAAAAAAQUxQSAwAAAARBxAR/Q9ERP8DAABWUDggGAAAABQBAJ0BKgEAAQAAAP4AAA3AAP7mtQAAAA==',
} as const

function bytesOf(format: keyof typeof PIXELS): Buffer {
  return Buffer.from(PIXELS[format], 'base64')
}

/** Segments of a JPEG: each a marker with its content. */
function jpeg(...segments: readonly [marker: number, content: Buffer][]): Buffer {
  const written = segments.flatMap(([marker, content]) => {
    const head = Buffer.alloc(4)
    head.writeUInt16BE(marker)
    head.writeUInt16BE(content.length + 2, 2)
    return [head, content]
  })
  return Buffer.concat([Buffer.from([0xff, 0xd8]), ...written, Buffer.alloc(20)])
}

function frame(width: number, height: number): Buffer {
  const content = Buffer.alloc(15)
  content.writeUInt8(8)
  content.writeUInt16BE(height, 1)
  content.writeUInt16BE(width, 3)
  return content
}

describe('the size of an image', () => {
  it.each(Object.keys(PIXELS) as (keyof typeof PIXELS)[])('is read from a %s', (format) => {
    expect(imageSizeOf(bytesOf(format))).toEqual({ width: 1, height: 1 })
  })

  it('is read from where each format has it', () => {
    const png = bytesOf('png')
    png.writeUInt32BE(1920, 16)
    png.writeUInt32BE(1080, 20)
    const gif = bytesOf('gif')
    gif.writeUInt16LE(1920, 6)
    gif.writeUInt16LE(1080, 8)
    const lossy = bytesOf('webpLossy')
    lossy.writeUInt16LE(1920, 26)
    lossy.writeUInt16LE(1080, 28)
    const lossless = bytesOf('webpLossless')
    lossless.writeUInt32LE(1919 | (1079 << 14), 21)
    const extended = bytesOf('webpExtended')
    extended.writeUIntLE(1919, 24, 3)
    extended.writeUIntLE(1079, 27, 3)
    for (const image of [png, gif, lossy, lossless, extended]) {
      expect(imageSizeOf(image)).toEqual({ width: 1920, height: 1080 })
    }
  })

  it('is found behind the metadata of a JPEG, also in a progressive one', () => {
    const exif = Buffer.alloc(60_000, 0xff)
    const size = { width: 4032, height: 3024 }
    expect(imageSizeOf(jpeg([0xffe1, exif], [0xffdb, Buffer.alloc(65)], [0xffc0, frame(4032, 3024)]))).toEqual(size)
    expect(imageSizeOf(jpeg([0xffe0, Buffer.alloc(14)], [0xffc4, frame(1, 1)], [0xffc2, frame(4032, 3024)]))).toEqual(
      size,
    )
  })

  it('is unknown for other formats, broken headers and images of no size', () => {
    expect(imageSizeOf(Buffer.alloc(0))).toBeUndefined()
    expect(imageSizeOf(Buffer.alloc(1_000))).toBeUndefined()
    expect(imageSizeOf(Buffer.from('BM'.padEnd(100)))).toBeUndefined()
    expect(imageSizeOf(bytesOf('png').subarray(0, 20))).toBeUndefined()
    expect(imageSizeOf(jpeg([0xffe1, Buffer.alloc(100)]))).toBeUndefined()
    expect(imageSizeOf(jpeg([0xffc0, frame(0, 100)]))).toBeUndefined()
    expect(imageSizeOf(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(1_000_000, 0xff)]))).toBeUndefined()
  })
})
