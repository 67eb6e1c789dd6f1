/** Pieces are joined in blocks of this number, so that a body of single bytes does not need an object for each of them. */
const BLOCK = 1024

/** Bytes that arrive in pieces: kept as they come and joined once, in time and memory in proportion to their number. */
export class Chunks {
  #blocks: Buffer[] = []
  #pieces: Buffer[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  add(piece: Buffer): void {
    this.#length += piece.length
    this.#pieces.push(piece)
    if (this.#pieces.length < BLOCK) return
    this.#blocks.push(Buffer.concat(this.#pieces))
    this.#pieces = []
  }

  /** All of them; then there are none. */
  take(): Buffer {
    const all = this.#blocks.length > 0 ? [...this.#blocks, ...this.#pieces] : this.#pieces
    const [first] = all
    const bytes = all.length === 1 && first ? first : Buffer.concat(all, this.#length)
    this.#blocks = []
    this.#pieces = []
    this.#length = 0
    return bytes
  }
}
