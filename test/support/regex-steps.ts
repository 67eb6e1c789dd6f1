/*
 * Counts the steps of a backtracking matcher, as V8's is, for the small part of regular expressions that tables of
 * patterns use. It measures how a pattern behaves without a clock.
 */

type Continue = (at: number) => boolean

/** Matches from `at` and goes on with `next`; false when no way leads to the end. */
type Matcher = (text: string, at: number, next: Continue, steps: { count: number }) => boolean

/** How many characters are compared until the pattern is found in the text, or is known not to be there. */
export function countSteps(pattern: RegExp, text: string): number {
  const matcher = new Parser(pattern.source).parse()
  const steps = { count: 0 }
  const subject = pattern.ignoreCase ? text.toLowerCase() : text
  for (let start = 0; start <= subject.length; start++) {
    if (matcher(subject, start, () => true, steps)) break
  }
  return steps.count
}

class Parser {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source.toLowerCase().replaceAll('(?:', '(')
  }

  parse(): Matcher {
    const options = [this.#sequence()]
    while (this.#source[this.#at] === '|') {
      this.#at++
      options.push(this.#sequence())
    }
    return (text, at, next, steps) => options.some((option) => option(text, at, next, steps))
  }

  #sequence(): Matcher {
    const items: Matcher[] = []
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at))) items.push(this.#item())
    return items.reduceRight<Matcher>(
      (rest, item) => (text, at, next, steps) => item(text, at, (end) => rest(text, end, next, steps), steps),
      (_text, at, next) => next(at),
    )
  }

  #item(): Matcher {
    const atom = this.#atom()
    const [found = '', low, high] = /^(?:\?|\{(\d+)(?:,(\d+))?\})/.exec(this.#source.slice(this.#at)) ?? []
    if (found === '') {
      if ('*+{'.includes(this.#source.charAt(this.#at) || ' ')) throw new Error(`unbounded: ${this.#source}`)
      return atom
    }
    this.#at += found.length
    const [least, most] = found === '?' ? [0, 1] : [Number(low), Number(high ?? low)]
    return repeated(atom, least, most)
  }

  #atom(): Matcher {
    const character = this.#source.charAt(this.#at++)
    if (character === '(') {
      const group = this.parse()
      this.#at++
      return group
    }
    if (character === '[') return this.#set()
    if (character === '\\') return escaped(this.#source.charAt(this.#at++))
    if (character === '^') return assertion((_text, at) => at === 0)
    if (character === '$') return assertion((text, at) => at === text.length)
    return character === '.' ? one(() => true) : one((given) => given === character)
  }

  #set(): Matcher {
    const end = this.#source.indexOf(']', this.#at)
    const set = new RegExp(`[${this.#source.slice(this.#at, end)}]`)
    this.#at = end + 1
    return one((character) => set.test(character))
  }
}

function escaped(letter: string): Matcher {
  if (letter === 'b') return assertion((text, at) => isWord(text, at - 1) !== isWord(text, at))
  if ('dws'.includes(letter)) {
    const kind = new RegExp(`\\${letter}`)
    return one((character) => kind.test(character))
  }
  return one((character) => character === letter)
}

function isWord(text: string, at: number): boolean {
  return /\w/.test(text.charAt(at))
}

function one(fits: (character: string) => boolean): Matcher {
  return (text, at, next, steps) => {
    steps.count++
    return at < text.length && fits(text.charAt(at)) && next(at + 1)
  }
}

function assertion(holds: (text: string, at: number) => boolean): Matcher {
  return (text, at, next) => holds(text, at) && next(at)
}

function repeated(item: Matcher, least: number, most: number): Matcher {
  const from =
    (done: number): Matcher =>
    (text, at, next, steps) =>
      (done < most && item(text, at, (end) => from(done + 1)(text, end, next, steps), steps)) ||
      (done >= least && next(at))
  return from(0)
}
