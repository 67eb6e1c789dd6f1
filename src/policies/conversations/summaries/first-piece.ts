/** A piece ends at the last line break in this part of it, if there is one. */
const LAST_PART = 0.2

/** The beginning of a text that has at most `limit` tokens; empty where not even its first character does. */
export function firstPiece(text: string, limit: number, tokensOf: (text: string) => number): string {
  let length = text.length
  for (let tokens = tokensOf(text); tokens > limit && length > 0; tokens = tokensOf(text.slice(0, length))) {
    length = Math.max(0, Math.min(length - 1, Math.floor((length * limit) / tokens)))
  }
  if (length === text.length) return text
  const line = text.lastIndexOf('\n', length - 1) + 1
  return text.slice(0, line > length * (1 - LAST_PART) ? line : wholeCharacters(text, length))
}

/** The length without half a surrogate pair at its end. */
function wholeCharacters(text: string, length: number): number {
  const last = text.charCodeAt(length - 1)
  return last >= 0xd800 && last < 0xdc00 ? length - 1 : length
}
