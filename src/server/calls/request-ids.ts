import { randomFillSync } from 'node:crypto'

const POOL = 4096
const DIGITS = Buffer.from('0123456789abcdef')
/** Where the groups of digits part. */
const DASHES: ReadonlySet<number> = new Set([8, 13, 18, 23])
const VERSION_AT = 14
const VARIANT_AT = 19

/**
 * Makes UUIDs of version 4. Each is one piece of text: Node's `randomUUID` joins twenty, and a call would hold them all.
 * https://www.rfc-editor.org/rfc/rfc9562#section-5.4
 */
export function requestIds(): () => string {
  const random = Buffer.alloc(POOL)
  const text = Buffer.alloc(36, '-')
  let at = POOL
  return () => {
    if (at === POOL) {
      randomFillSync(random)
      at = 0
    }
    for (let place = 0; place < text.length; place += 2) {
      if (DASHES.has(place)) place++
      const byte = random[at++] ?? 0
      text[place] = DIGITS[byte >> 4] ?? 0
      text[place + 1] = DIGITS[byte & 0x0f] ?? 0
    }
    text.write('4', VERSION_AT)
    text[VARIANT_AT] = DIGITS[8 + ((text[VARIANT_AT] ?? 0) & 3)] ?? 0
    return text.toString('latin1')
  }
}
