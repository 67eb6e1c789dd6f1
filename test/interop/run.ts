/**
 * Calls a running gateway with clients that know nothing of it but its contract, each with the tools of its own world,
 * and puts a gateway before servers that other people wrote.
 * `npm run interop -- [--require NAME,...] [--with NAME,...] [--without NAME,...] [NAME...]`: only the clients named, or
 * all but the extra ones, which `--with` adds: llama-cpp and ollama. A client whose tools cannot be had is skipped, which counts as
 * a failure for those that are required.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { startGateway } from '../support/gateway.ts'
import { startVendor, type VendorReply, type VendorRequest } from '../support/vendor-server.ts'
import { type Build, type Client, clients } from './clients.ts'
import { execute } from './execute.ts'

const CLIENT_TIME = 120_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { require: { type: 'string' }, with: { type: 'string' }, without: { type: 'string' } },
})
const required = values.require?.split(',') ?? []
const added = values.with?.split(',') ?? []
const without = values.without?.split(',') ?? []
const named = (name: string) => clients.some((client) => client.name === name)
const unknown = [...positionals, ...required, ...added, ...without].filter((name) => !named(name))
if (unknown.length > 0) {
  console.error(`no such client: ${unknown.join(', ')}; there are ${clients.map(({ name }) => name).join(', ')}`)
  process.exitCode = 2
} else {
  const isChosen = ({ name, isExtra }: Client) =>
    positionals.includes(name) || added.includes(name) || (positionals.length === 0 && !isExtra)
  process.exitCode = await run(clients.filter((client) => isChosen(client) && !without.includes(client.name)))
}

async function run(chosen: readonly Client[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-interop-'))
  const totals = { passed: 0, failed: 0, skipped: 0 }
  try {
    for (const client of chosen) {
      const outcome = await outcomeOf(client, join(folder, client.name))
      for (const line of outcome.lines) console.log(`${client.name}: ${line}`)
      totals.passed += outcome.passed
      totals.failed += outcome.failed
      totals.skipped += outcome.skipped
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals.failed > 0 ? 1 : 0
}

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly lines: readonly string[]
}

async function outcomeOf({ name, install }: Client, folder: string): Promise<Outcome> {
  let build: Build
  try {
    build = await install()
  } catch (error) {
    const line = `SKIPPED, because its tools cannot be had: ${messageOf(error)}`
    return required.includes(name)
      ? failure(`${line} (and it is required)`)
      : { passed: 0, failed: 0, skipped: 1, lines: [line] }
  }
  try {
    return await call(build, folder)
  } catch (error) {
    return failure(`not ok: ${messageOf(error)}`)
  }
}

/** Every client gets a gateway of its own, so that none finds what another has left. */
async function call(build: Build, folder: string): Promise<Outcome> {
  mkdirSync(folder)
  const { command, args, env } = await build(folder)
  const key = randomBytes(24).toString('base64url')
  const ollama = await startVendor()
  ollama.answer(answersOfOllama)
  const gateway = await startGateway({ yaml: configuration(), env: { INTEROP_KEY: key, OLLAMA_BASE_URL: ollama.url } })
  try {
    const config = fileURLToPath(new URL('../../docs/examples/service-config.json', import.meta.url))
    const where = { SERVICE_CONFIG: config, GATEWAY_GRPC: gateway.grpc, GATEWAY_HTTP: gateway.http, GATEWAY_KEY: key }
    const { exitCode, stdout, stderr } = await execute({
      command,
      args,
      env: { ...env, ...where },
      timeout: CLIENT_TIME,
    })
    const lines = stdout.split('\n').filter((line) => line !== '')
    const passed = lines.filter((line) => line.startsWith('ok ')).length
    const failed = lines.filter((line) => line.startsWith('not ok ')).length
    if (passed + failed > 0 && (exitCode === 0) === (failed === 0)) return { passed, failed, skipped: 0, lines }
    const end = exitCode === null ? `did not end within ${CLIENT_TIME} ms` : `exited with ${exitCode}`
    return { passed, failed: failed + 1, skipped: 0, lines: [...lines, `not ok: it ${end}`, ...stderr.split('\n')] }
  } finally {
    await gateway.close()
    await ollama.close()
  }
}

/** The gateway of docs/calls.md, whose examples clients run, and what else they call. */
function configuration(): string {
  const read = (path: string) => parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
  const [calls, own] = [read('../../docs/examples/calls.yaml'), read('gateway.yaml')]
  const providers = { ...calls.providers, ...own.providers }
  // JSON is YAML.
  return JSON.stringify({ ...calls, ...own, providers, models: { ...calls.models, ...own.models } })
}

/** An Ollama that has no models, and pulls every one of them. */
function answersOfOllama({ path }: VendorRequest): VendorReply {
  if (path !== '/api/pull') return { pieces: ['{"models":[]}'] }
  const lines = ['pulling manifest', 'verifying sha256 digest', 'success'].map((status) => JSON.stringify({ status }))
  return { contentType: 'application/x-ndjson', pieces: lines.map((line) => `${line}\n`) }
}

function failure(line: string): Outcome {
  return { passed: 0, failed: 1, skipped: 0, lines: [line] }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
