import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProcess } from '../support/process.ts'
import type { RequestWire } from './wires.ts'

/** A body that was sent, and the wire whose type it must have. */
export interface TypedBody {
  readonly wire: RequestWire
  readonly request: string
  readonly body: unknown
}

const HERE = fileURLToPath(new URL('.', import.meta.url))
const COMPILER = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))

/**
 * What the compiler says of each body that has not its vendor's type, by `<wire>/<request>`. Bodies are written as
 * literals, so that fields which the type does not know are errors too.
 */
export async function typeErrors(bodies: readonly TypedBody[]): Promise<ReadonlyMap<string, string>> {
  // Beside the types that it imports; the dot keeps it out of the project.
  const folder = mkdtempSync(join(HERE, '.bodies-'))
  try {
    writeFileSync(join(folder, '.gitignore'), '*')
    writeFileSync(join(folder, 'tsconfig.json'), '{ "extends": "../../../tsconfig.json", "include": ["*.ts"] }')
    const names = new Map<string, string>()
    for (const { wire, request, body } of bodies) {
      const file = `${wire.name}--${request}.ts`
      names.set(file, `${wire.name}/${request}`)
      writeFileSync(join(folder, file), sourceOf(wire, body))
    }
    return byName(await compile(folder), names)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function sourceOf({ type }: RequestWire, body: unknown): string {
  return [
    `import type { ${type.name} } from '../types/${type.module}.ts'`,
    `export const body: ${type.name} = ${JSON.stringify(body, undefined, 2)}`,
  ].join('\n')
}

/** What it prints; empty when there is nothing wrong. */
async function compile(folder: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runProcess(COMPILER, ['--pretty', 'false', '-p', folder])
  return exitCode === 0 ? '' : stdout || stderr || 'the compiler did not start'
}

/** The first error of each file; every line that belongs to no file fails the run. */
function byName(output: string, names: ReadonlyMap<string, string>): Map<string, string> {
  const errors = new Map<string, string>()
  for (const line of output.split('\n')) {
    if (line === '' || line.startsWith(' ')) continue
    const [, file = '', message = ''] = /([^/]+\.ts)\(\d+,\d+\): error (.*)$/.exec(line) ?? []
    const name = names.get(file)
    if (name === undefined) throw new Error(`the compiler failed: ${line}`)
    if (!errors.has(name)) errors.set(name, message)
  }
  return errors
}
