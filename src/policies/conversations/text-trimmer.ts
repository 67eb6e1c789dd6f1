/** Blank lines that are kept where more stand in a row. */
const MAX_BLANK_LINES = 2
/** Begins or ends a block of code, also in a list or a quotation. https://spec.commonmark.org/0.31.2/#fenced-code-blocks */
const FENCE = /^[ \t>]*(`{3,}(?=[^`]*$)|~{3,})(.*)$/

/**
 * Removes blanks at the ends of lines, and blank lines beyond two in a row, outside fenced code. Everything else stays.
 * For the texts of one message, in order: code that is not closed in one of them goes on in the next.
 */
export class TextTrimmer {
  /** What began the code around the current line; undefined outside code. */
  #fence: string | undefined
  #blankLines = 0

  /** `isLast`: whether no text follows. Before another one, blanks at the end are between words. */
  trim(text: string, isLast: boolean): string {
    const lines = text.split('\n')
    const end = lines.pop() ?? ''
    const kept = lines.flatMap((line) => this.#trimmed(line))
    kept.push(this.#end(end, isLast))
    return kept.join('\n')
  }

  /** Nothing for a line that is removed. */
  #trimmed(line: string): string[] {
    if (this.#isCode(line)) return [line]
    const trimmed = withoutBlanks(line)
    this.#blankLines = trimmed === '' || trimmed === '\r' ? this.#blankLines + 1 : 0
    return this.#blankLines > MAX_BLANK_LINES ? [] : [trimmed]
  }

  /** What stands behind the last line break. */
  #end(line: string, isLast: boolean): string {
    const isCode = this.#isCode(line)
    if (line !== '') this.#blankLines = 0
    return isCode || !isLast ? line : withoutBlanks(line)
  }

  /** Whether the line is code, or ends or begins it. */
  #isCode(line: string): boolean {
    const [, marks, info = ''] = FENCE.exec(line.endsWith('\r') ? line.slice(0, -1) : line) ?? []
    if (this.#fence === undefined) {
      this.#fence = marks
      if (marks !== undefined) this.#blankLines = 0
      return marks !== undefined
    }
    if (marks?.startsWith(this.#fence) && info.trim() === '') this.#fence = undefined
    return true
  }
}

/** The line without the blanks before its end. */
function withoutBlanks(line: string): string {
  const ending = line.endsWith('\r') ? '\r' : ''
  const stop = line.length - ending.length
  let end = stop
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
  return end === stop ? line : line.slice(0, end) + ending
}
