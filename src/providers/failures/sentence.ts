/** The most of a vendor's message that is looked at. */
export const MAX_TEXT = 512
/** The longest word that `{}` stands for. */
const MAX_WORD = 200

/** Whether a message is this sentence and nothing else, where each `{}` stands for a word. Capitals do not matter. */
export function isSentence(sentence: string, message: string): boolean {
  const text = message.trim()
  if (text.length > MAX_TEXT) return false
  const parts = sentence.toLowerCase().split('{}')
  const lower = text.toLowerCase()
  const [first = ''] = parts
  if (!lower.startsWith(first)) return false
  let at = first.length
  for (let index = 1; index < parts.length; index++) {
    const part = parts[index] ?? ''
    const isLast = index === parts.length - 1
    const next = isLast ? lower.length - part.length : lower.indexOf(part, at)
    if (next < at || !isWord(lower.slice(at, next)) || (isLast && !lower.endsWith(part))) return false
    at = next + part.length
  }
  return at === lower.length
}

function isWord(text: string): boolean {
  return text.length > 0 && text.length <= MAX_WORD && !/\s/.test(text)
}

/** What stands in quotes may be part of a request: it is left out, with what follows a quote that is never closed. */
export function withoutQuoted(message: string): string {
  const text = message.slice(0, MAX_TEXT)
  let kept = ''
  let closing = ''
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (closing !== '') {
      if (character === closing && !(character === "'" && isLetter(text, at + 1))) closing = ''
    } else if (quotes[character] !== undefined && !(character === "'" && isLetter(text, at - 1))) {
      closing = quotes[character] ?? ''
    } else kept += character
  }
  return kept
}

const quotes: Readonly<Record<string, string>> = { '"': '"', "'": "'", '`': '`', '“': '”', '‘': '’', '«': '»' }

/** An apostrophe between letters is no quote. */
function isLetter(text: string, at: number): boolean {
  return /\w/.test(text.charAt(at))
}
