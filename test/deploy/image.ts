import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mustExecute } from '../interop/execute.ts'
import { parseDockerfile, type Stage, type Step } from './dockerfile.ts'
import { contextFilter } from './dockerignore.ts'

export const ENTER = fileURLToPath(new URL('enter.sh', import.meta.url))

/** A folder that stands for an image, and what the Dockerfile says about it. */
export interface Image {
  readonly root: string
  environment: Record<string, string>
  directory: string
  user: { readonly uid: number; readonly gid: number }
  healthcheck: readonly string[]
  entrypoint: readonly string[]
  command: readonly string[]
}

export interface ReplayOptions {
  /** The repository. */
  readonly context: string
  /** A folder that stands for the base image. */
  readonly base: string
  /** Empty: gets a folder for each stage. */
  readonly folder: string
  /** Called before each step that takes long. */
  say(line: string): void
}

/** Enough for the packages to come from far away, in ms. */
const RUN_TIME = 300_000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** What a builder needs of this machine's environment to reach the registry of packages. */
const passedOn = ['NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'npm_config_registry']

/** A command in namespaces of its own, all of which ends with the process that starts it. */
export function isolated(namespaces: readonly string[], words: readonly string[]): readonly [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...namespaces, '--fork', '--kill-child', ...words]
}

/** Carries out the steps of the Dockerfile. Returns the last stage; rejects at the first step that fails. */
export async function replay(options: ReplayOptions): Promise<Image> {
  const stages = new Map<string, Image>()
  const keeps = contextFilter(readFileSync(join(options.context, '.dockerignore'), 'utf8'))
  let last: Image | undefined
  for (const [index, stage] of parseDockerfile(readFileSync(join(options.context, 'Dockerfile'), 'utf8')).entries()) {
    const name = stage.name ?? String(index)
    options.say(`stage ${name}, from ${stage.base}`)
    last = imageFrom(stage, options, name)
    stages.set(name, last)
    for (const step of stage.steps) await carryOut(step, last, { ...options, stages, keeps })
  }
  if (!last) throw new Error('the Dockerfile has no stage')
  return last
}

function imageFrom({ base }: Stage, options: ReplayOptions, name: string): Image {
  if (!/^node:24-slim$/.test(base)) throw new Error(`there is no folder that stands for the image ${base}`)
  const root = join(options.folder, name)
  cpSync(options.base, root, { recursive: true, verbatimSymlinks: true })
  const environment = { PATH, HOME: '/root' }
  const nobody = { healthcheck: [], entrypoint: [], command: [] }
  return { root, environment, directory: '/', user: { uid: 0, gid: 0 }, ...nobody }
}

interface Building extends ReplayOptions {
  readonly stages: ReadonlyMap<string, Image>
  keeps(path: string): boolean
}

async function carryOut(step: Step, image: Image, building: Building): Promise<void> {
  if (step.kind === 'run') {
    building.say(`RUN ${step.script.replace(/\s+/g, ' ')}`)
    await runIn(image, step.script)
  } else if (step.kind === 'copy') {
    for (const source of step.sources) copy(source, step, image, building)
  } else if (step.kind === 'directory') {
    image.directory = posix.resolve(image.directory, step.path)
    mkdirSync(inside(image, '.'), { recursive: true })
  } else if (step.kind === 'environment') {
    Object.assign(image.environment, step.values)
  } else if (step.kind === 'user') {
    image.user = { uid: step.uid, gid: step.gid }
    image.environment['HOME'] = '/home/node'
  } else if (step.kind !== 'expose') {
    image[step.kind] = step.command
  }
}

async function runIn(image: Image, script: string): Promise<void> {
  const fromHere = passedOn.flatMap((name) => (process.env[name] === undefined ? [] : `${name}=${process.env[name]}`))
  const variables = [...fromHere, ...assignments(image)]
  const enter = [ENTER, image.root, `${image.user.uid}:${image.user.gid}`, image.directory, 'rw', ...variables]
  const [command, ...args] = isolated(['--mount', '--pid'], [...enter, '/bin/sh', '-c', script])
  await mustExecute({ command, args, timeout: RUN_TIME })
}

function copy(source: string, step: Step & { kind: 'copy' }, image: Image, building: Building): void {
  const origin = step.from === undefined ? undefined : building.stages.get(step.from)
  if (step.from !== undefined && !origin) throw new Error(`COPY --from=${step.from}: there is no such stage`)
  const path = origin ? inside(origin, source) : join(building.context, source)
  if (!existsSync(path) || (!origin && !building.keeps(source))) throw new Error(`COPY: there is no ${source}`)
  const intoFolder = step.target.endsWith('/') || step.sources.length > 1
  const target = inside(image, step.target)
  const filter = (from: string) => origin !== undefined || building.keeps(relativeTo(building.context, from))
  // The content of a folder is copied, a file as it is called.
  if (statSync(path).isDirectory()) cpSync(path, target, { recursive: true, verbatimSymlinks: true, filter })
  else cpSync(path, intoFolder ? join(target, basename(source)) : target)
}

function relativeTo(context: string, path: string): string {
  return path.slice(context.length).replace(/^\/+/, '')
}

/** Where a path of the image is on this machine. */
export function inside(image: Image, path: string): string {
  const absolute = posix.resolve(image.directory, path)
  return join(image.root, absolute.replace(/^\/usr\/local(?=\/|$)/, '/usr-local'))
}

/** The image's variables, as `env` takes them. */
export function assignments(image: Image): readonly string[] {
  return Object.entries(image.environment).map(([name, value]) => `${name}=${value}`)
}

/** Makes a folder that stands for `node:24-slim`: Node 24 and npm in /usr/local, and the user `node`. */
export async function makeBase(folder: string, cache: string): Promise<void> {
  const local = join(folder, 'usr-local')
  const node = join(cache, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(node)) {
    const args = ['install', '--silent', '--no-audit', '--no-fund', '--prefix', cache, 'node@24']
    await mustExecute({ command: 'npm', args, timeout: RUN_TIME })
  }
  const packages = (await mustExecute({ command: 'npm', args: ['root', '--global'], timeout: 20_000 })).trim()
  for (const name of ['bin', 'lib/node_modules']) mkdirSync(join(local, name), { recursive: true })
  cpSync(node, join(local, 'bin', 'node'))
  cpSync(join(packages, 'npm'), join(local, 'lib/node_modules/npm'), { recursive: true })
  for (const name of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name))
    chmodSync(join(local, 'lib/node_modules/npm/bin', `${name}-cli.js`), 0o755)
  }
  const etc = join(folder, 'etc')
  mkdirSync(etc)
  mkdirSync(join(folder, 'root'))
  mkdirSync(join(folder, 'home/node'), { recursive: true })
  writeFileSync(join(etc, 'passwd'), 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n')
  writeFileSync(join(etc, 'group'), 'root:x:0:\nnode:x:1000:\n')
  for (const name of ['resolv.conf', 'hosts', 'nsswitch.conf']) {
    if (existsSync(`/etc/${name}`)) cpSync(`/etc/${name}`, join(etc, name), { dereference: true })
  }
}
