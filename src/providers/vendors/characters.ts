/** Length of a text in characters as people count them: some of them take two places in a string. */
export function charactersIn(text: string): number {
  let length = text.length
  for (let at = 0; at < text.length; at++) if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) length--
  return length
}
