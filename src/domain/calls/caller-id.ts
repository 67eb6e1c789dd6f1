/** Id of every caller where authentication is off. */
export const ANONYMOUS = 'anonymous'

/** Where a caller's name comes from: an API key of the configuration, or the `sub` of a token. */
export type NameSource = 'key' | 'jwt'

const sources: readonly NameSource[] = ['key', 'jwt']

/**
 * Id of a caller, by which counters and cached responses are kept: a token whose `sub` is the name of an API key is
 * another caller. The name is encoded, so that the only colon of an id is the one behind its source.
 */
export function callerId(source: NameSource, name: string): string {
  return `${source}:${encodeURIComponent(name.toWellFormed())}`
}

/** Ids of all callers that may have this name. */
export function callerIds(name: string): readonly string[] {
  const ids = sources.map((source) => callerId(source, name))
  return name === ANONYMOUS ? [ANONYMOUS, ...ids] : ids
}
