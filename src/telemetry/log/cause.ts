/** What a log may tell of something thrown. */
export interface Cause {
  readonly name: string
  readonly message: string
  /** Where it was thrown, one frame each. */
  readonly stack: readonly string[]
  readonly cause?: Cause
}

const deepest = 3
const mostFrames = 20
const longestMessage = 500

/**
 * Describes something thrown so that it can be logged. Messages of foreign errors may quote what they stumbled on: a
 * URL with a key, a header, a piece of a prompt that was not valid JSON. Such quotes are cut out. Frames are only
 * taken from lines that are frames, because a stack repeats the message.
 */
export function describeCause(thrown: unknown, depth = 1): Cause {
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: '', stack: [] }
  const stack = (thrown.stack ?? '').split('\n').filter((line) => frame.test(line))
  return {
    name: mask(thrown.name).slice(0, 100),
    message: mask(thrown.message).slice(0, longestMessage),
    stack: stack.slice(0, mostFrames).map((line) => mask(line.trim()).slice(0, longestMessage)),
    ...(thrown.cause !== undefined && depth < deepest && { cause: describeCause(thrown.cause, depth + 1) }),
  }
}

/** Cuts out what may be a secret or somebody's text. */
export function mask(text: string): string {
  return text
    .slice(0, 10_000)
    .replace(/"[\s\S]*"/g, '"***"')
    .replace(/\?[^\s'")]*=[^\s'")]*/g, '?***')
    .replace(/\/\/[^\s/@]+@/g, '//***@')
    .replace(/\b(bearer|basic)\s+\S+/gi, '$1 ***')
    .replace(/[\w-]{40,}|\b(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{20,}/gi, '***')
}

const frame = /^ {4}at \S.*(:\d+:\d+\)?|<anonymous>\)?|native\)?)$/
