/** llama.cpp's own server with a real model as an upstream. */
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Role } from '../../../src/domain/types.ts'
import { chat } from '../../support/client.ts'
import { startProcess } from '../../support/process.ts'
import { check } from './checks.ts'
import { checkEmbed, checkText } from './model-server.ts'
import { ask, connectTo, disconnect } from './upstream.ts'
import { variable } from './variable.ts'

const text = await startServer()
const vectors = await startServer('embed')
const upstream = await connectTo(
  `
  llamacpp: { base_url: "${text.address}/v1", default_model: smollm2 }
  vectors: { kind: llamacpp, base_url: "${vectors.address}/v1", default_embed_model: smollm2 }`,
  {},
)

try {
  await checkText(upstream, 'llamacpp')
  await checkEmbed(upstream, 'vectors')
  await check('llamacpp: a conversation that is too long', async () => {
    const messages = [{ role: Role.USER, content: 'word '.repeat(5_000) }]
    const { error } = await chat(upstream.client, ask('llamacpp', { messages }))
    assert.equal(error?.reason, 'CONTEXT_LENGTH_EXCEEDED')
  })
} finally {
  await disconnect(upstream)
  text.stop()
  vectors.stop()
}

/** Settles when the server accepts requests. It ends when its input does. */
async function startServer(...args: readonly string[]): Promise<{ readonly address: string; stop(): void }> {
  const script = fileURLToPath(new URL('llama-cpp/server.py', import.meta.url))
  const server = startProcess(variable('PYTHON'), [script, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
  assert.ok(server.stdout)
  for await (const line of createInterface({ input: server.stdout })) {
    const [, address] = /^listening at (http:\S+)$/.exec(line) ?? []
    if (address === undefined) continue
    return { address, stop: () => void server.kill('SIGKILL') }
  }
  throw new Error('the server did not start')
}
