import type { WireContext } from '../../../define.ts'

/**
 * The body of a request. `spliced` are fields that are JSON text already: parsing and printing them again would change
 * the order of properties whose names look like numbers, and models follow that order. `extra` wins.
 */
export function jsonBody(
  fields: Readonly<Record<string, unknown>>,
  spliced: Readonly<Record<string, string>>,
  extra: WireContext['extra'],
): string {
  let body = JSON.stringify({ ...fields, ...extra })
  for (const [name, json] of Object.entries(spliced)) {
    if (!Object.hasOwn(extra, name)) body = `${body.slice(0, -1)},"${name}":${json}}`
  }
  return body
}
