/** Bytes that are put into one write. */
const MAX_WRITE = 1 << 20

/** Text that waits to be written, in its order. */
export class Backlog {
  #chunks: { bytes: Buffer; lines: number }[] = []
  /** Bytes that were ever added, and how many of them were taken away. */
  added = 0
  removed = 0
  lines = 0

  get isEmpty(): boolean {
    return this.#chunks.length === 0
  }

  add(bytes: Buffer, lines: number): void {
    this.#chunks.push({ bytes, lines })
    this.added += bytes.length
    this.lines += lines
  }

  /** The next bytes to write, at least one chunk. They stay until they are removed. */
  next(): Buffer {
    let count = 0
    for (let size = 0; count < this.#chunks.length && size < MAX_WRITE; count++) {
      size += this.#chunks[count]?.bytes.length ?? 0
    }
    const chunks = this.#chunks.slice(0, count).map(({ bytes }) => bytes)
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
  }

  remove(bytes: number): void {
    this.removed += bytes
    let left = bytes
    let whole = 0
    for (const chunk of this.#chunks) {
      if (chunk.bytes.length > left) {
        chunk.bytes = chunk.bytes.subarray(left)
        break
      }
      left -= chunk.bytes.length
      this.lines -= chunk.lines
      whole++
    }
    this.#chunks = this.#chunks.slice(whole)
  }
}
