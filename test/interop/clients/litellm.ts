/** LiteLLM's proxy as an upstream, by the wires of OpenAI and Anthropic. Its models answer without a vendor. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chat } from '../../support/client.ts'
import { freePort } from '../../support/ports.ts'
import { startProcess } from '../../support/process.ts'
import { check } from './checks.ts'
import { ask, checkChat, checkStreamChat, connectTo, disconnect, SAID } from './upstream.ts'
import { variable } from './variable.ts'

const KEY = 'sk-interop'
const port = await freePort()
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-litellm-'))
const stop = await startProxy()
const address = `http://127.0.0.1:${port}`
const upstream = await connectTo(
  `
  openai: { base_url: "${address}/v1", keys: ["$\{PROXY_KEY}"], api: chat, default_model: gpt-4o-mini }
  responses: { kind: openai, base_url: "${address}/v1", keys: ["$\{PROXY_KEY}"], api: responses, default_model: gpt-4o-mini }
  anthropic: { base_url: "${address}", keys: ["$\{PROXY_KEY}"], default_model: claude-haiku-4-5 }
  refused: { kind: openai, base_url: "${address}/v1", keys: ["$\{WRONG_KEY}"], default_model: gpt-4o-mini }`,
  { PROXY_KEY: KEY, WRONG_KEY: 'sk-wrong' },
)

try {
  for (const provider of ['openai', 'anthropic', 'responses']) await checkChat(upstream, provider)
  // The proxy cannot stream its mocked answers by the Responses API.
  for (const provider of ['openai', 'anthropic']) await checkStreamChat(upstream, provider)
  await check('a model that the proxy does not have', async () => {
    const { value, error } = await chat(upstream.client, ask('openai', { model: 'no-such-model' }))
    assert.equal(value, undefined)
    assert.match(String(error?.reason), /^UPSTREAM_/)
  })
  await check('a key that the proxy refuses', async () => {
    const { error } = await chat(upstream.client, ask('refused'))
    // Without a database the proxy cannot say that it does not know a key, and answers 400.
    assert.match(String(error?.reason), /^UPSTREAM_(CREDENTIALS|INVALID_REQUEST)$/)
  })
} finally {
  await disconnect(upstream)
  await stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Settles when the proxy accepts requests. */
async function startProxy(): Promise<() => Promise<void>> {
  const model = (name: string, vendor: string) => ({
    model_name: name,
    litellm_params: { model: `${vendor}/${name}`, api_key: 'none', mock_response: SAID },
  })
  const config = join(folder, 'litellm.yaml')
  const models = [model('gpt-4o-mini', 'openai'), model('claude-haiku-4-5', 'anthropic')]
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ model_list: models, general_settings: { master_key: KEY } }))
  const args = ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False']
  const proxy = startProcess(variable('LITELLM'), args, {
    cwd: folder,
    // Its list of prices is downloaded otherwise.
    env: { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(proxy, 'exit')
  assert.ok(proxy.stderr)
  for await (const line of createInterface({ input: proxy.stderr })) {
    if (!line.includes('Uvicorn running')) continue
    proxy.stderr.resume()
    return async () => {
      proxy.kill('SIGKILL')
      await exited
    }
  }
  throw new Error('the proxy did not start')
}
