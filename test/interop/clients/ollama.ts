/** A real Ollama with a real model as an upstream. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EnsureModelState, LlmGatewayAdmin } from '../../../src/domain/types.ts'
import { freePort } from '../../support/ports.ts'
import { startProcess } from '../../support/process.ts'
import { mustExecute } from '../execute.ts'
import { check } from './checks.ts'
import { checkEmbed, checkText } from './model-server.ts'
import { connectTo, disconnect } from './upstream.ts'
import { variable } from './variable.ts'

const START_TIME = 60_000

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-ollama-'))
const address = `127.0.0.1:${await freePort()}`
// Nothing of an Ollama that the machine has of its own.
const env = { HOME: folder, OLLAMA_HOST: address, OLLAMA_MODELS: join(folder, 'models') }
const server = startProcess(variable('OLLAMA'), ['serve'], { env: { ...process.env, ...env }, stdio: 'ignore' })
await answers(`http://${address}/api/version`)
writeFileSync(join(folder, 'Modelfile'), `FROM ${variable('WEIGHTS')}\n`)
const args = ['create', 'smollm2', '--file', join(folder, 'Modelfile')]
await mustExecute({ command: variable('OLLAMA'), args, env, timeout: START_TIME })
const upstream = await connectTo(
  `  ollama: { base_url: "http://${address}", default_model: smollm2, default_embed_model: smollm2 }`,
  {},
)

try {
  await checkText(upstream, 'ollama')
  await checkEmbed(upstream, 'ollama')
  await check('ollama: EnsureModel of a model that it has', async () => {
    const { messages, error } = await ensure('smollm2')
    assert.equal(error, undefined)
    assert.equal(messages.at(-1)?.state, EnsureModelState.READY)
  })
  await check('ollama: EnsureModel of a model that it cannot get', async () => {
    const { messages, error } = await ensure('no-such-model-of-anybody')
    assert.ok(error, 'it should have failed')
    assert.ok(messages.every(({ state }) => state !== EnsureModelState.READY))
  })
} finally {
  await disconnect(upstream)
  server.kill('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}

function ensure(model: string) {
  return upstream.client.stream(LlmGatewayAdmin.method.ensureModel, { provider: 'ollama', model })
}

/** Settles when there is a response at a URL. */
async function answers(url: string): Promise<void> {
  for (const end = performance.now() + START_TIME; performance.now() < end; ) {
    const isThere = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isThere) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`there was no response at ${url}`)
}
