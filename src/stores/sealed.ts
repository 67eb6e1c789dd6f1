import { hash } from 'node:crypto'

const DIGEST_LENGTH = 16

/** Encodes what is stored outside of this process: the format, a digest over the id and the content, the content. */
export function seal(format: Buffer, id: string, content: Buffer): Buffer {
  return Buffer.concat([format, digestOf(id, content), content])
}

/** The content. Undefined for anything but what was sealed with this format and this id, undamaged. */
export function unseal(format: Buffer, id: string, bytes: Buffer): Buffer | undefined {
  const headLength = format.length + DIGEST_LENGTH
  if (bytes.length < headLength || !bytes.subarray(0, format.length).equals(format)) return undefined
  const content = bytes.subarray(headLength)
  return bytes.subarray(format.length, headLength).equals(digestOf(id, content)) ? content : undefined
}

function digestOf(id: string, content: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(id), content]), 'buffer').subarray(0, DIGEST_LENGTH)
}
