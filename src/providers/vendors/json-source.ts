import { jsonOf } from './json.ts'

/**
 * Values nested deeper than this are not looked for: tool arguments stand at most ten levels below the root of any
 * vendor's reply. It also bounds the recursion.
 */
const MAX_DEPTH = 16

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_BRACKET = 91
const BACKSLASH = 92
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const SPACE = 32

/**
 * The JSON text of values as it stands in a reply. Arguments of tools are handed on as the model wrote them: parsing and
 * printing would change numbers (`1e400`, `2512292042121000001`, `1.0`), the order of keys, repeated keys and escapes.
 * Nothing is scanned before a text is asked for, and then each reply or frame once for each name.
 */
export class ReplySource {
  #text = ''
  #root: unknown
  #found = new Map<string, ReadonlyMap<object, string>>()

  /** The next reply or frame: its text and what it was parsed to. */
  read(text: string, root: unknown): void {
    this.#text = text
    this.#root = root
    if (this.#found.size > 0) this.#found = new Map()
  }

  /** The text of a member of an object that is part of the reply. */
  member(holder: Readonly<Record<string, unknown>>, name: string): string {
    let found = this.#found.get(name)
    if (!found) {
      found = membersNamed(name, this.#text, this.#root)
      this.#found.set(name, found)
    }
    return found.get(holder) ?? jsonOf(holder[name])
  }
}

/**
 * The texts of all members of this name, by the object that holds each. `root` is what `text` was parsed to: both are
 * walked side by side. Of repeated keys the last one counts, as in `JSON.parse`.
 */
function membersNamed(name: string, text: string, root: unknown): ReadonlyMap<object, string> {
  const found = new Map<object, string>()
  const scanner = new Scanner(text)
  const walk = (value: unknown, depth: number) => {
    if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) scanner.skipValue()
    else if (Array.isArray(value)) scanner.eachElement((index) => walk(value[index], depth + 1))
    else {
      scanner.eachMember((key) => {
        const start = scanner.at
        walk(Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined, depth + 1)
        if (key === name) found.set(value, copyOf(text, start, scanner.at))
      })
    }
  }
  walk(root, 0)
  return found
}

/** The texts of the elements of a JSON list. */
export function elementsOf(list: string): string[] {
  const elements: string[] = []
  const scanner = new Scanner(list)
  scanner.eachElement(() => {
    const start = scanner.at
    scanner.skipValue()
    elements.push(list.slice(start, scanner.at))
  })
  return elements
}

/** V8 keeps the whole text alive for a slice of it; a small part of a large reply is therefore copied. */
function copyOf(text: string, start: number, end: number): string {
  const slice = text.slice(start, end)
  return text.length < 4096 + 4 * slice.length ? slice : Buffer.from(slice).toString()
}

/** Steps through a text that is known to be JSON. Each method ends behind the value that it was called at. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#skipSpace()
  }

  get at(): number {
    return this.#at
  }

  /** Calls back at the value of every member; the callback must step over it. */
  eachMember(visit: (key: string) => void): void {
    if (!this.#enter(OPEN_BRACE)) return
    while (this.#peek() === QUOTE) {
      const key = this.#key()
      this.#skipSpace()
      this.#at++ // the colon
      this.#skipSpace()
      visit(key)
      this.#separator()
    }
    this.#at++
  }

  /** Calls back at every element; the callback must step over it. */
  eachElement(visit: (index: number) => void): void {
    if (!this.#enter(OPEN_BRACKET)) return
    for (let index = 0; this.#peek() !== CLOSE_BRACKET && this.#at < this.#text.length; index++) {
      visit(index)
      this.#separator()
    }
    this.#at++
  }

  skipValue(): void {
    let depth = 0
    do {
      const code = this.#peek()
      if (code === QUOTE) {
        this.#skipString()
        continue
      }
      this.#at++
      if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
      else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
      else if (depth === 0) this.#skipScalar()
    } while (depth > 0 && this.#at < this.#text.length)
  }

  #enter(bracket: number): boolean {
    if (this.#peek() !== bracket) {
      this.skipValue()
      return false
    }
    this.#at++
    this.#skipSpace()
    return true
  }

  #separator(): void {
    this.#skipSpace()
    if (this.#peek() !== COMMA) return
    this.#at++
    this.#skipSpace()
  }

  #key(): string {
    const start = this.#at
    this.#skipString()
    const key = this.#text.slice(start + 1, this.#at - 1)
    return key.includes('\\') ? JSON.parse(this.#text.slice(start, this.#at)) : key
  }

  #skipString(): void {
    let end = this.#at
    do end = this.#text.indexOf('"', end + 1)
    while (end > 0 && this.#isEscaped(end))
    this.#at = end < 0 ? this.#text.length : end + 1
  }

  /** Whether an odd number of backslashes stands before a place. */
  #isEscaped(place: number): boolean {
    let start = place
    while (this.#text.charCodeAt(start - 1) === BACKSLASH) start--
    return (place - start) % 2 === 1
  }

  /** The rest of a number or a word. */
  #skipScalar(): void {
    for (let code = this.#peek(); code > SPACE && !isPunctuation(code); code = this.#peek()) this.#at++
  }

  #skipSpace(): void {
    while (this.#peek() <= SPACE) this.#at++
  }

  /** NaN, which nothing equals, at the end. */
  #peek(): number {
    return this.#text.charCodeAt(this.#at)
  }
}

function isPunctuation(code: number): boolean {
  return code === COMMA || code === COLON || code === CLOSE_BRACE || code === CLOSE_BRACKET
}
