import { afterEach, expect, test } from 'vitest'
import { LlmGateway, Role, TokenSource } from '../../../src/domain/types.ts'
import { portOf, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { TestClient } from '../../support/test-client.ts'
import { type Exchange, failure, json, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* `Estimate` in front of vendors that count tokens. */

let gateway: RunningGateway
let upstream: UpstreamServer
let client: TestClient

const replies: Readonly<Record<string, unknown>> = {
  '/openai/v1/responses/input_tokens': { object: 'response.input_tokens', input_tokens: 11 },
  '/anthropic/v1/messages/count_tokens': { input_tokens: 12 },
  '/gemini/v1beta/models/gemini-2.0-flash:countTokens': { totalTokens: 13 },
  '/vllm/tokenize': { count: 14, max_model_len: 4096, tokens: [] },
  '/llamacpp/apply-template': { prompt: '<user>Count me' },
  '/llamacpp/tokenize': { tokens: Array(15).fill(1) },
}

function counting(exchange: Exchange): void {
  const reply = replies[exchange.hit.path]
  const answer = reply === undefined ? failure(404, { message: 'no such endpoint' }) : json(reply)
  answer(exchange)
}

async function start() {
  upstream = await startUpstream(counting)
  const { url } = upstream
  gateway = await startGateway({
    yaml: `
auth: none
providers:
  openai: { base_url: "${url}/openai/v1", keys: ["$\{KEY}"] }
  anthropic: { base_url: "${url}/anthropic", keys: ["$\{KEY}"] }
  gemini: { base_url: "${url}/gemini/v1beta", keys: ["$\{KEY}"] }
  vllm: { base_url: "${url}/vllm/v1" }
  llamacpp: { base_url: "${url}/llamacpp/v1" }
  other: { kind: local, base_url: "${url}/other/v1" }
models:
  all:
    targets: [openai/gpt-4o, anthropic/claude-sonnet-4-5, gemini/gemini-2.0-flash, vllm/m, llamacpp/m, other/m]
`,
    env: { KEY: 'a-key-of-nobody' },
  })
  client = new TestClient(portOf(gateway.grpc))
}

afterEach(async () => {
  client.close()
  await gateway.close()
  await upstream.close()
})

test('each vendor counts in its own way, and nobody is asked to answer', async () => {
  await start()
  const chat = {
    model: 'all',
    maxTokens: 100,
    messages: [
      { role: Role.SYSTEM, content: 'Be brief.' },
      { role: Role.USER, content: 'Count me' },
    ],
  }
  const estimate = (more: object) => client.unary(LlmGateway.method.estimate, { chat, ...more }).answer
  const { response } = await estimate({ exact: true, maxTargets: 6 })
  const { COUNTED, GUESSED } = TokenSource
  expect(response?.targets.map(({ inputTokens, inputSource }) => [inputTokens, inputSource]).slice(0, 5)).toEqual([
    [11, COUNTED],
    [12, COUNTED],
    [13, COUNTED],
    [14, COUNTED],
    [15, COUNTED],
  ])
  expect(response?.targets[5]?.inputSource).toBe(GUESSED)
  expect(response?.targets[0]?.usdMax).toBeCloseTo((11 * 2.5 + 100 * 10) / 1e6, 6)
  expect(response?.targets[5]?.usdMax).toBe(0)
  expect(upstream.hits.map(({ path }) => path).toSorted()).toEqual(Object.keys(replies).toSorted())
  const bodies = upstream.hits.map(({ json: body }) => Object.keys(body).toSorted())
  expect(bodies.flat().filter((name) => /max|stream/.test(name))).toEqual([])

  upstream.hits.length = 0
  await estimate({ exact: true })
  expect(upstream.hits.map(({ path }) => path)).toEqual(['/openai/v1/responses/input_tokens'])
  await estimate({})
  expect(upstream.hits).toHaveLength(1)
})
