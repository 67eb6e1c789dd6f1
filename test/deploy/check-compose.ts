import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { execute } from '../interop/execute.ts'
import { messageOf, type Report } from './report.ts'
import { composeReader } from './tools.ts'

interface Volume {
  readonly type: string
  readonly source: string
}

interface Service {
  readonly volumes?: readonly Volume[]
  readonly build?: { readonly context: string }
  readonly env_file?: readonly { readonly path: string; readonly required: boolean }[]
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
}

/** deploy/compose.yaml, read as Compose reads it. */
export async function checkCompose(report: Report, { root, folder }: { root: string; folder: string }) {
  let command: string
  try {
    command = await composeReader()
  } catch (error) {
    return report.skip(
      'compose.yaml is one that Compose takes',
      `the reader of Compose cannot be had: ${messageOf(error)}`,
    )
  }
  report.say("reader: compose-go, the Compose specification's own")
  const file = join(root, 'deploy/compose.yaml')
  const read = (path: string) => execute({ command, args: [path], cwd: dirname(path), timeout: 60_000 })
  let compose: Compose | undefined
  await report.check('compose.yaml is one that Compose takes', async () => {
    const { exitCode, stdout, stderr } = await read(file)
    assert.equal(exitCode, 0, stderr)
    compose = parse(stdout)
  })
  await report.check('a file with a word spelt wrong is refused', async () => {
    const path = join(folder, 'compose.yaml')
    writeFileSync(path, readFileSync(file, 'utf8').replace('cap_drop', 'cap_dropp'))
    assert.notEqual((await read(path)).exitCode, 0)
  })
  if (!compose) return
  const { services } = compose
  await report.check('what it mounts and builds from is there', () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes)
    const sources = mounted.filter(({ type }) => type === 'bind').map(({ source }) => source)
    assert.equal(sources.length, 4)
    assert.deepEqual([...sources, join(services['gateway']?.build?.context ?? '', 'Dockerfile')].filter(isMissing), [])
  })
  await report.check('the keys in .env reach the gateway', () => {
    assert.deepEqual(services['gateway']?.env_file, [{ path: join(root, '.env'), required: false }])
  })
  await report.check('it has the gateway and its neighbours', () => {
    assert.deepEqual(Object.keys(services).toSorted(), ['gateway', 'grafana', 'ollama', 'prometheus', 'redis'])
  })
}

function isMissing(path: string): boolean {
  return !existsSync(path)
}
