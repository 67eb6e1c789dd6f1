const MAX_LENGTH = 300
/** Vendors repeat parts of a key: a word that shares this many characters with one is masked. */
const SHARED = 8
const MASK = '***'

/** What looks like a key of any vendor. Names of models, ids with dashes and prose do not. */
const keyLike: readonly RegExp[] = [
  /\b(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|csk|fw|tgp|key|api|glpat|ghp|r8)[-_][\w*.-]{6,}/gi,
  /\b(?:AIza|ya29|eyJ|AKIA|ASIA)[\w*.-]{6,}/g,
  /\bBearer\s+[\w*.~+/=-]+/gi,
  /[^\s"'`]*\*{3,}[^\s"'`]*/g,
  /(?=[A-Za-z0-9+/_]*\d)(?=[A-Za-z0-9+/_]*[A-Za-z])[A-Za-z0-9+/_]{24,}={0,2}/g,
]

/** A vendor's message as it may be shown: one line of at most 300 characters, in which keys are masked. */
export function vendorWords(message: string, keys: readonly string[]): string {
  // More than can be shown, so that a key at the end is masked before it is cut.
  let text = message
    .slice(0, 4 * MAX_LENGTH)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  text = text.replace(/[^\s"'`,;()]+/g, (word) => (keys.some((key) => sharesPart(word, key)) ? MASK : word))
  for (const pattern of keyLike) text = text.replace(pattern, MASK)
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3).toWellFormed()}...` : text
}

function sharesPart(word: string, key: string): boolean {
  if (key.length <= SHARED) return key !== '' && word.includes(key)
  for (let at = 0; at + SHARED <= word.length; at++) if (key.includes(word.slice(at, at + SHARED))) return true
  return false
}
