/**
 * Signatures of thoughts. They are opaque, and yet each maker's have a form of their own: protocol buffers whose first
 * bytes are always alike. A vendor answers those of another one with an error, so where a conversation changes vendors
 * they must stay behind.
 */

/** Bytes: nothing else can be sent as one. */
const BASE64 = /^[\w+/-]+={0,2}$/
/** Enough of a text to hold the bytes that are looked at. */
const BEGINNING = 24

export type SignatureMaker = 'anthropic' | 'google' | 'unknown'

/** Who made a signature; undefined for a text that cannot be one. An unknown maker may be any. */
export function makerOf(signature: string): SignatureMaker | undefined {
  if (!BASE64.test(signature)) return undefined
  const bytes = Buffer.from(signature.slice(0, BEGINNING), 'base64')
  if (bytes[0] === 0x01) return 'google'
  if (bytes[0] === 0x0a) return bytes[afterLength(bytes, 1)] === 0x01 ? 'google' : 'unknown'
  const inner = afterLength(bytes, 1)
  if (bytes[0] !== 0x12 || bytes[inner] !== 0x0a) return 'unknown'
  const first = bytes[afterLength(bytes, inner + 1)]
  return first === 0x08 ? 'anthropic' : first === 0x01 ? 'google' : 'unknown'
}

/** Where the bytes begin whose length stands at a place. */
function afterLength(bytes: Buffer, at: number): number {
  let end = at
  while ((bytes[end] ?? 0) >= 0x80) end++
  return end + 1
}

/** Tells of the signatures that do not go along; `at` is the field that the signed pieces stand in. */
export function leaveOutSignatures(
  signed: readonly { readonly signature: string }[],
  at: string,
  leaveOut: (field: string, why: string) => void,
  goesAlong: (signature: string) => boolean = () => false,
): void {
  for (const [index, { signature }] of signed.entries()) {
    if (signature === '' || goesAlong(signature)) continue
    leaveOut(`${at}[${index}].signature`, 'only the vendor that wrote it can read it')
  }
}
