import { parseJson } from '../../json.ts'

const MAX_SCALAR = 64
const SPACE = 32

/**
 * The arguments of a call as far as they have arrived. Most calls never need to know more than the text, so pieces are
 * scanned only when a question is asked, each of them once.
 */
export class Arguments {
  #text = ''
  #unscanned: string[] = []
  #isBlank = true
  #depth = 0
  #isInString = false
  #isEscaped = false
  /** The last character outside of strings that is not a space. */
  #last = ''

  get text(): string {
    return this.#text
  }

  /** Whether nothing but white space has arrived. */
  get isBlank(): boolean {
    return this.#isBlank
  }

  /** Whether they are a whole JSON value, so that nothing can follow. */
  get isComplete(): boolean {
    this.#scan()
    if (this.#depth > 0 || this.#isInString || this.#isBlank) return false
    if (this.#last === '}' || this.#last === ']') return true
    return this.#text.length <= MAX_SCALAR && parseJson(this.#text) !== undefined
  }

  add(piece: string): void {
    if (piece === '') return
    this.#text += piece
    this.#unscanned.push(piece)
    if (this.#isBlank && piece.trim() !== '') this.#isBlank = false
  }

  /** Whether a piece can be the next of them: an object or a list needs a place where a value may stand. */
  canTake(piece: string): boolean {
    const first = piece.trimStart().charAt(0)
    if (this.#isBlank || (first !== '{' && first !== '[')) return true
    this.#scan()
    return this.#isInString || ':,['.includes(this.#last)
  }

  #scan(): void {
    for (const piece of this.#unscanned) for (let at = 0; at < piece.length; at++) this.#take(piece, at)
    this.#unscanned = []
  }

  #take(piece: string, at: number): void {
    const character = piece.charAt(at)
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (character === '\\') this.#isEscaped = true
      else if (character === '"') this.#isInString = false
      return
    }
    if (piece.charCodeAt(at) <= SPACE) return
    this.#last = character
    if (character === '"') this.#isInString = true
    else if (character === '{' || character === '[') this.#depth++
    else if (character === '}' || character === ']') this.#depth--
  }
}
