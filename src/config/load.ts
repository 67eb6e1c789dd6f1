import { resolve } from 'node:path'
import type { ProviderKind } from '../providers/define.ts'
import { kinds as allKinds, namesOf, upcoming } from '../providers/index.ts'
import { writtenProviders } from './blocks/providers/providers.ts'
import { compose } from './compose.ts'
import type { Config } from './config.ts'
import { readEnvironment } from './env/env.ts'
import type { Flags } from './env/flags.ts'
import { expand } from './env/references.ts'
import { type Environment, Variables } from './env/variables.ts'
import { report } from './file/issues.ts'
import { unique } from './file/readers.ts'
import { type FileSettings, fileSchema } from './file/schema.ts'
import { parseYaml } from './file/yaml.ts'
import { Findings, type Problem } from './findings.ts'

/** Everything that a configuration is made of, by decreasing precedence: flags, file, environment, `.env`. */
export interface Sources {
  readonly flags?: Flags
  /** Text of the YAML file; undefined when there is none. */
  readonly file?: string | undefined
  /** Folder that paths in the file are relative to. Default: the working directory. */
  readonly directory?: string
  readonly env: Environment
  /** Text of the `.env` file; undefined when there is none. */
  readonly dotenv?: string | undefined
  /** Text of a file that the configuration names, by its absolute path. Throws what Node throws. */
  readFile?(path: string): string
  /** Code of the system's error if files cannot be written in a folder; without it all folders can be. */
  checkFolder?(path: string): string | undefined
  readonly kinds?: readonly ProviderKind[]
}

export type Loaded = Loading & ({ readonly config: Config } | { readonly config?: undefined })

interface Loading {
  /** Empty when there is a configuration. */
  readonly problems: readonly Problem[]
  /** What the operator should know. */
  readonly notices: readonly string[]
  /** Limits and checks that are configured but not enforced; to be logged as warnings. */
  readonly unenforced: readonly string[]
  /** Whether the operator accepts that they are not enforced. */
  readonly unenforcedAllowed: boolean
}

/** The configuration, or everything that is wrong with it. No text holds a secret. */
export function loadConfig(sources: Sources): Loaded {
  const findings = new Findings()
  const variables = new Variables(sources.env, sources.dotenv)
  const env = readEnvironment(variables, findings)
  const file = readSettings(sources, variables, findings)
  const { flags = {}, directory = '.', kinds = allKinds } = sources
  const resolvePath = (path: string) => resolve(directory, path)
  const readFile = fileReader(sources)
  const checkFolder = (path: string) => sources.checkFolder?.(path)
  const config = file && compose(file, env, { flags, kinds, variables, findings, resolvePath, readFile, checkFolder })
  const reported = {
    problems: findings.problems,
    notices: findings.notices,
    unenforced: findings.unenforced,
    unenforcedAllowed: env.allowUnenforced?.value ?? false,
  }
  return config && findings.problems.length === 0 ? { ...reported, config } : reported
}

function readSettings(sources: Sources, variables: Variables, findings: Findings): FileSettings | undefined {
  const before = findings.problems.length
  const tree = parseYaml(sources.file ?? '', findings)
  if (findings.problems.length > before) return undefined
  const expanded = expand(tree, { variables, readFile: fileReader(sources) }, findings)
  const { kinds = allKinds } = sources
  const oldKinds = unique([...kinds.flatMap(namesOf), ...upcoming.map(({ kind }) => kind)])
  const settings = fileSchema(oldKinds).safeParse(expanded ?? {})
  if (!settings.success) report(settings.error.issues, [], findings)
  if (findings.problems.length === before) return settings.data
  // Entries of providers are checked by their kinds. Done here too, so that one run reports all mistakes.
  if (isBlock(expanded) && isBlock(expanded['providers'])) {
    writtenProviders(expanded['providers'], { kinds, variables, findings })
  }
  return undefined
}

function isBlock(node: unknown): node is Record<string, unknown> {
  return typeof node === 'object' && node !== null && !Array.isArray(node)
}

function fileReader({ readFile, directory = '.' }: Sources): (path: string) => string {
  return (path) => {
    if (!readFile) throw new Error('There are no files here.')
    return readFile(resolve(directory, path))
  }
}
