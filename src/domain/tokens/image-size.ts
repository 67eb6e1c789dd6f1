/** Size of an image in pixels. */
export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** The most segments before the size of a JPEG: metadata and color profiles take a few. */
const MAX_SEGMENTS = 200

/**
 * The size that the header of a PNG, JPEG, GIF or WebP image names; undefined for other formats and broken headers. Reads
 * some bytes of the header only, however large the image is.
 */
export function imageSizeOf(bytes: Uint8Array): ImageSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = read(view)
  return size && size.width > 0 && size.height > 0 ? size : undefined
}

function read(view: DataView): ImageSize | undefined {
  if (view.byteLength < 30) return undefined
  const start = view.getUint32(0)
  // https://www.w3.org/TR/png/#11IHDR
  if (start === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) }
  // https://www.w3.org/Graphics/GIF/spec-gif89a.txt
  if (start === 0x47494638) return { width: view.getUint16(6, true), height: view.getUint16(8, true) }
  if (start === 0x52494646 && view.getUint32(8) === 0x57454250) return webpSize(view)
  return start >>> 16 === 0xffd8 ? jpegSize(view) : undefined
}

/** https://developers.google.com/speed/webp/docs/riff_container */
function webpSize(view: DataView): ImageSize | undefined {
  switch (view.getUint32(12)) {
    case 0x56503820: // VP8, lossy
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
    case 0x5650384c: {
      // VP8L, lossless: 14 bits each, minus one
      const bits = view.getUint32(21, true)
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
    }
    case 0x56503858: // VP8X, extended: 24 bits each, minus one
      return { width: (view.getUint32(24, true) & 0xffffff) + 1, height: (view.getUint32(26, true) >>> 8) + 1 }
    default:
      return undefined
  }
}

/** Goes from segment to segment up to the start of a frame. https://www.w3.org/Graphics/JPEG/itu-t81.pdf */
function jpegSize(view: DataView): ImageSize | undefined {
  let at = 2
  for (let segment = 0; segment < MAX_SEGMENTS && at + 9 <= view.byteLength; segment++) {
    const marker = view.getUint16(at)
    if (marker < 0xff01) return undefined
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) }
    // A marker may be preceded by fill bytes.
    at += marker === 0xffff ? 1 : 2 + view.getUint16(at + 2)
  }
  return undefined
}
