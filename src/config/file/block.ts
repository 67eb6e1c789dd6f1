import { z } from 'zod'
import { withHint } from '../findings.ts'
import type { Reader } from './readers.ts'

/** A block of known keys. An unknown key is an error, so that a misspelt one is not ignored silently. */
export function block<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    // One line for each unknown key, in the order in which the issue lists them.
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => withHint('is not a known key', key, Object.keys(shape))).join('\n')
        : undefined,
  })
}

/** A value that is read like the text of a variable, so that both are checked alike. */
export function field<T>(reader: Reader<T>) {
  return z
    .union([z.string(), z.number(), z.boolean()], { error: (issue) => expected(reader.expects, issue.input) })
    .transform((value, context) => {
      const read = reader.read(String(value).trim())
      if (read !== undefined) return read
      context.addIssue({ code: 'custom', message: `must be ${reader.expects}` })
      return z.NEVER
    })
}

export function expected(expects: string, input: unknown): string {
  return input === undefined ? 'is missing' : `must be ${expects}`
}
