/** Loggable description of a thrown value. */
export interface Cause {
  readonly name: string
  readonly message: string
  /** Stack frames. */
  readonly stack: readonly string[]
  readonly cause?: Cause
}

const MAX_DEPTH = 3
const MAX_FRAMES = 20
const MAX_LENGTH = 500

/**
 * Describes a thrown value so that it can be logged. Messages of foreign errors may quote their input: a URL with a key,
 * a header, a piece of a prompt that was not valid JSON. Such quotes are masked. Only lines that are frames are taken from
 * the stack, because it repeats the message.
 */
export function describeCause(thrown: unknown, depth = 1): Cause {
  if (!(thrown instanceof Error)) return { name: typeof thrown, message: '', stack: [] }
  const stack = (thrown.stack ?? '').split('\n').filter((line) => frame.test(line))
  return {
    name: mask(thrown.name).slice(0, 100),
    message: mask(thrown.message).slice(0, MAX_LENGTH),
    stack: stack.slice(0, MAX_FRAMES).map((line) => mask(line.trim()).slice(0, MAX_LENGTH)),
    ...(thrown.cause !== undefined && depth < MAX_DEPTH && { cause: describeCause(thrown.cause, depth + 1) }),
  }
}

/** Masks what may be a secret or a user's text. */
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
