import { longerThan, type Violations } from './violations.ts'

/** Limit for the id of a model or provider in bytes. */
export const MAX_ID_LENGTH = 256

/** Characters with a meaning in URLs, and invisible ones: spaces, control and format characters, surrogates. */
const FORBIDDEN = /[\s\p{C}?#%\\]/u
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/

/**
 * Adds what is wrong with the id of a model or provider, which may become part of an upstream's URL. An empty id is
 * accepted.
 */
export function checkId(field: string, id: string, found: Violations): void {
  if (id === '') return
  if (longerThan(MAX_ID_LENGTH, id)) found.add(field, `must not exceed ${MAX_ID_LENGTH} bytes`)
  else if (FORBIDDEN.test(id)) found.add(field, 'must not contain spaces, control characters, ?, #, % or \\')
  else if (id.startsWith('/')) found.add(field, 'must not begin with /')
  else if (DOT_SEGMENT.test(id)) found.add(field, 'must not contain the segments . or ..')
}
