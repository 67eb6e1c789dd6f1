/** Limit for nesting. No vendor needs more, and encoding a much deeper value would exhaust the stack. */
export const MAX_DEPTH = 64

/** Whether a text is a JSON object that is not nested deeper than MAX_DEPTH levels. */
export function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) && !isTooDeep(value)
  } catch {
    return false
  }
}

/** Whether a value is nested deeper than `levels`. */
export function isTooDeep(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isTooDeep(inner, levels - 1))
}
