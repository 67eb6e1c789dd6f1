import type { JsonValue } from '@bufbuild/protobuf'
import { isTooDeep, MAX_DEPTH } from './json.ts'
import { entry, type Violations } from './violations.ts'

/** Keys that reach the prototype of an object if code copies them without care. */
export function isDangerousKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

/** Adds what is wrong with the fields for single vendors. `owned`: the fields that the gateway sets itself. */
export function checkProviderOptions(
  options: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>,
  owned: ReadonlySet<string>,
  found: Violations,
): void {
  for (const [provider, fields] of Object.entries(options)) {
    const field = entry('provider_options', provider)
    if (isDangerousKey(provider)) {
      found.add(field, 'must have another key')
      continue
    }
    for (const name of Object.keys(fields)) {
      if (owned.has(name)) found.add(`${field}.${name}`, 'must not be set; the gateway sets it')
    }
    if (isTooDeep(fields)) found.add(field, `must not be nested deeper than ${MAX_DEPTH} levels`)
    else {
      const wrong = wrongIn(fields)
      if (wrong !== undefined) found.add(field, wrong)
    }
  }
}

/** The first thing that is wrong in a value; undefined if nothing is. */
function wrongIn(value: JsonValue): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must contain finite numbers only'
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, inner] of Object.entries(value)) {
    if (isDangerousKey(key)) return 'must not contain the keys __proto__, constructor or prototype'
    const wrong = wrongIn(inner)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
