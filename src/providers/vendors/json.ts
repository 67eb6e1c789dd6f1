/** Readers for JSON from vendors: only what is used is read, and no type is taken for granted. */

/** An object with unknown members. */
export type JsonFields = Readonly<Record<string, unknown>>

const NOTHING: JsonFields = Object.freeze({})

export function isObject(value: unknown): value is JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object, or an empty one for anything else. */
export function fieldsOf(value: unknown): JsonFields {
  return isObject(value) ? value : NOTHING
}

/** The list, or an empty one for anything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The text, or an empty one for anything else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** A count of tokens: a whole number that is not negative and fits the contract. Other values are ignored. */
export function countOf(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32 ? Number(value) : undefined
}

/** Merges counts that a vendor reports more than once: the last one that is not 0 counts. */
export function mergeCounts(earlier: JsonFields, later: JsonFields): JsonFields {
  const merged: Record<string, unknown> = { ...earlier }
  for (const name in later) {
    const now = later[name]
    if (now !== null && (now !== 0 || !merged[name])) merged[name] = now
  }
  return merged
}

/** Value of a JSON text; undefined, which is no JSON value, for other texts. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** JSON text of a value; empty if it is nested too deeply to be printed. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return ''
  }
}

/** JSON text of an object. The members in `texts` are JSON texts already and stay unchanged. */
export function objectJson(fields: JsonFields, texts: Readonly<Record<string, string>>): string {
  const written = JSON.stringify(fields).slice(1, -1)
  const given = Object.entries(texts).map(([name, text]) => `${JSON.stringify(name)}:${text}`)
  return `{${[written, ...given].filter((members) => members !== '').join(',')}}`
}
