import { longerThan, type Violations } from './violations.ts'

/** Of a model or provider id, in bytes. */
export const MAX_ID_LENGTH = 256

/** What has a meaning of its own in a URL, or is not to be seen: spaces, control and format characters, surrogates. */
const FORBIDDEN = /[\s\p{C}?#%\\]/u
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/

/**
 * Adds what is wrong with the id of a model or provider, which may become part of an upstream's URL. An empty one is
 * right: whether it may be left open is another question.
 */
export function checkId(field: string, id: string, found: Violations): void {
  if (id === '') return
  if (longerThan(MAX_ID_LENGTH, id)) found.add(field, `must not exceed ${MAX_ID_LENGTH} bytes`)
  else if (FORBIDDEN.test(id)) found.add(field, 'must not contain spaces, control characters, ?, #, % or \\')
  else if (id.startsWith('/')) found.add(field, 'must not begin with /')
  else if (DOT_SEGMENT.test(id)) found.add(field, 'must not contain the segments . or ..')
}
