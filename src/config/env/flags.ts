import { parseArgs } from 'node:util'
import { logLevels } from '../../telemetry/settings.ts'
import { listenAddress, oneOf, type Reader, text } from '../file/readers.ts'
import type { Findings } from '../findings.ts'
import type { Found } from './variables.ts'

/** Flags of the command line, each with the reader of its value. They take precedence over everything else. */
export const flagReaders = {
  config: text,
  grpc: listenAddress,
  http: listenAddress,
  metrics: listenAddress,
  'log-level': oneOf(logLevels),
} as const

export type FlagName = keyof typeof flagReaders
export type Flags = { readonly [Name in FlagName]?: string | undefined }

/** The words and flags of a command line, or the reason why it is invalid. */
export type CommandLine =
  | { readonly words: readonly string[]; readonly flags: Flags }
  | { readonly words?: undefined; readonly reason: string }

/** Parses a command line such as `serve --config FILE`; `args` without the program. */
export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        grpc: { type: 'string' },
        http: { type: 'string' },
        metrics: { type: 'string' },
        'log-level': { type: 'string' },
      },
    })
    return { words: positionals, flags: values }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

export function readFlag<Name extends FlagName>(flags: Flags, name: Name, findings: Findings) {
  const given = flags[name]
  if (given === undefined) return undefined
  // The table has the reader of this flag under its name.
  const reader = flagReaders[name] as Reader<(typeof flagReaders)[Name] extends Reader<infer T> ? T : never>
  const value = reader.read(given)
  if (value === undefined) findings.problem(`--${name}`, `must be ${reader.expects}`)
  return value === undefined ? undefined : ({ from: `--${name}`, value } satisfies Found<unknown>)
}
