import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { gatewayVariables } from './env/env.ts'
import type { Flags } from './env/flags.ts'
import { systemCode } from './env/references.ts'
import { type Environment, Variables } from './env/variables.ts'
import { type Loaded, loadConfig } from './load.ts'

/** The surroundings in which a gateway is started. */
export interface Start {
  readonly flags: Flags
  readonly env: Environment
  /** Folder of the `.env` file; paths in flags and variables are relative to it. */
  readonly workingDirectory: string
}

/** Reads the files of a configuration, then the whole configuration. */
export function readConfig({ flags, env, workingDirectory }: Start): Loaded {
  const dotenv = readText(join(workingDirectory, '.env'))
  if (dotenv.code && dotenv.code !== 'ENOENT' && dotenv.code !== 'EISDIR') return unreadable('.env', dotenv)
  const named = configPath(flags, new Variables(env, dotenv.text))
  const path = named && resolve(workingDirectory, named.value)
  const file = path === undefined ? undefined : readText(path)
  if (named && file?.code) return unreadable(named.from, file)
  return loadConfig({
    flags,
    env,
    dotenv: dotenv.text,
    file: file?.text,
    directory: path === undefined ? workingDirectory : dirname(path),
    readFile: (name) => readFileSync(name, 'utf8'),
    checkFolder: folderError,
  })
}

function configPath(flags: Flags, variables: Variables) {
  const { config } = flags
  return config === undefined ? variables.first(gatewayVariables.config.names) : { from: '--config', value: config }
}

interface FileText {
  readonly path: string
  readonly text?: string
  /** The system's error code if it could not be read. */
  readonly code?: string
}

function readText(path: string): FileText {
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    return { path, code: systemCode(error) }
  }
}

/** Code of the system's error if files cannot be written in a folder, or in the one that it will be made in. */
function folderError(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return statSync(path).isDirectory() ? undefined : 'ENOTDIR'
  } catch (error) {
    const code = systemCode(error)
    return code === 'ENOENT' && dirname(path) !== path ? folderError(dirname(path)) : code
  }
}

function unreadable(from: string, { path, code }: FileText): Loaded {
  const problem = { path: from, reason: `the file ${path} cannot be read (${code})` }
  return { problems: [problem], notices: [], unenforced: [], unenforcedAllowed: false }
}
