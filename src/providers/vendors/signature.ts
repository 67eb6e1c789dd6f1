/**
 * Signatures of reasoning. They are opaque, but those of each maker begin alike: protocol buffers whose first bytes are
 * always the same, and OpenAI's tokens, which begin with a version and the time of the next 80 years. A vendor answers
 * another one's signature with an error, so they are left out where a conversation changes vendors.
 */

/** Nothing but base64 can be a signature. */
const BASE64 = /^[\w+/-]+={0,2}$/
/** Enough of a text to hold the bytes that are read. */
const BEGINNING = 24

export type SignatureMaker = 'anthropic' | 'google' | 'openai' | 'unknown'

/** Maker of a signature; undefined for a text that cannot be one. An unknown maker may be any. */
export function makerOf(signature: string): SignatureMaker | undefined {
  if (!BASE64.test(signature)) return undefined
  const bytes = Buffer.from(signature.slice(0, BEGINNING), 'base64')
  if (bytes[0] === 0x01) return 'google'
  // https://github.com/fernet/spec/blob/master/Spec.md
  if (bytes[0] === 0x80 && bytes.length > 4 && bytes.readUInt32BE(1) === 0) return 'openai'
  if (bytes[0] === 0x0a) return bytes[afterLength(bytes, 1)] === 0x01 ? 'google' : 'unknown'
  const inner = afterLength(bytes, 1)
  if (bytes[0] !== 0x12 || bytes[inner] !== 0x0a) return 'unknown'
  const first = bytes[afterLength(bytes, inner + 1)]
  return first === 0x08 ? 'anthropic' : first === 0x01 ? 'google' : 'unknown'
}

/** Offset of the bytes behind a length at a place. */
function afterLength(bytes: Buffer, at: number): number {
  let end = at
  while ((bytes[end] ?? 0) >= 0x80) end++
  return end + 1
}

/** Reports the signatures that are left out; `at` is the field that holds the signed pieces. */
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
