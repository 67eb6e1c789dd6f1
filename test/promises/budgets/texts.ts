import { decode, encode } from 'gpt-tokenizer/encoding/o200k_base'
import { generated, prose } from '../../support/token-samples.ts'

/** Tokens of a piece of a response. */
export const PIECE = 8

/** A text in pieces of as many tokens as OpenAI's tokenizer counts in it. */
export class TokenText {
  readonly #pieces: readonly string[]
  readonly #whole: string

  constructor(text: string) {
    const tokens = encode(text)
    // A character may be cut between two tokens: it belongs to the piece that completes it.
    const ends = Array.from(
      { length: Math.floor(tokens.length / PIECE) },
      (_, at) => decode(tokens.slice(0, (at + 1) * PIECE)).replace(/\ufffd+$/, '').length,
    )
    this.#whole = decode(tokens)
    this.#pieces = ends.map((end, at) => this.#whole.slice(ends[at - 1] ?? 0, end))
  }

  /** A piece of a response; `tokens` of it where that is less. */
  piece(at: number, tokens: number): string {
    const piece = this.#pieces[at % this.#pieces.length] ?? ''
    return tokens >= PIECE ? piece : piece.slice(0, Math.ceil((piece.length * tokens) / PIECE))
  }

  /** A text of about so many tokens. */
  of(tokens: number): string {
    const count = Math.ceil(tokens / PIECE)
    const whole = Math.floor(count / this.#pieces.length)
    return this.#pieces.join('').repeat(whole) + this.#pieces.slice(0, count % this.#pieces.length).join('')
  }
}

/** What people and programs write to models. */
export function textsOfAllKinds(): readonly TokenText[] {
  const { typescript = '', python = '', json = '', markdown = '' } = generated(8_000)
  const written = Object.values(prose).map((text) => `${text}\n\n`)
  return [typescript, python, json, markdown, ...written].map((text) => new TokenText(text))
}
