const HIGH_SURROGATE = 0xd800
const REPLACEMENT = '\uFFFD'

/**
 * Joins characters that a vendor cut in half. Vendors cut texts between UTF-16 units, so a piece may end with the first
 * half of an emoji: it waits for the next piece of the same channel, and is U+FFFD if none comes.
 */
export class SplitCharacters {
  readonly #waiting = new Map<number, string>()

  /** Part of the next piece that can be sent. */
  join(channel: number, piece: string): string {
    if (piece === '') return ''
    const text = this.#waiting.size > 0 ? this.#takeFrom(channel) + piece : piece
    if ((text.charCodeAt(text.length - 1) & 0xfc00) !== HIGH_SURROGATE) return text
    this.#waiting.set(channel, text.slice(-1))
    return text.slice(0, -1)
  }

  /** Channels with half a character left, each with its replacement. */
  finish(): [channel: number, text: string][] {
    const left = Array.from(this.#waiting.keys(), (channel): [number, string] => [channel, REPLACEMENT])
    this.#waiting.clear()
    return left
  }

  #takeFrom(channel: number): string {
    const half = this.#waiting.get(channel) ?? ''
    this.#waiting.delete(channel)
    return half
  }
}
