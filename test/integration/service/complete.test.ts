import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AttemptOutcome, CacheMode, FinishReason, LlmGateway, LlmGatewayAdmin } from '../../../src/domain/types.ts'
import { chat, type ServerName } from '../../support/client.ts'
import { complete, continues, streamComplete } from '../../support/completions.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, failure, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Text completions, asked over real sockets at both servers. */

let upstream: UpstreamServer
let gateway: RunningGateway
let clients: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  upstream = await startUpstream(continues('upon ', 'a time'))
  const { url } = upstream
  gateway = await startGateway({
    yaml: `
auth: none
providers:
  vllm: { base_url: "${url}/v1" }
  llamacpp: { base_url: "${url}/v1" }
  mistral: { base_url: "${url}/v1", keys: ["$\{KEY}"] }
  deepseek: { base_url: "${url}/v1", keys: ["$\{KEY}"] }
  ollama: { base_url: "${url}" }
  openai: { base_url: "${url}/v1", keys: ["$\{KEY}"] }
  raw: { kind: local, base_url: "${url}/v1", models: { "chatty-*": { completions: chat } } }
  sim: { kind: simulator }
models:
  gap: { targets: [openai/gpt-4o-mini, mistral/codestral-latest] }
  resets: { targets: [vllm/breaks, openai/gpt-4o-mini] }
cache: { enabled: true }
ledger: { url: memory }
prices: { vllm/priced: { input: 1, output: 10 } }
`,
    env: { KEY: 'a-key' },
  })
  clients = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

beforeEach(() => {
  upstream.hits.length = 0
  upstream.answer(continues('upon ', 'a time'))
})

afterAll(async () => {
  for (const client of Object.values(clients)) client.close()
  await gateway.close()
  await upstream.close()
})

const fresh = { cache: { mode: CacheMode.BYPASS } }

const endpoints = [
  ['vllm/m', '/v1/completions', {}],
  ['llamacpp/m', '/v1/completions', {}],
  ['llamacpp/m', '/infill', { suffix: '.' }],
  ['mistral/codestral-latest', '/v1/fim/completions', { suffix: '.' }],
  ['deepseek/deepseek-chat', '/beta/completions', { suffix: '.' }],
  ['ollama/qwen3', '/api/generate', { suffix: '.' }],
  ['openai/gpt-3.5-turbo-instruct', '/v1/completions', {}],
  ['raw/any', '/v1/completions', {}],
] as const

describe.each(['gRPC', 'HTTP'] as const)('at the %s server', (server) => {
  test.each(endpoints)('%s is asked at %s', async (model, path, more) => {
    const { value } = await complete(clients[server], { model, ...more, ...fresh })
    expect(upstream.hits.map((hit) => hit.path)).toEqual([path])
    expect(value).toMatchObject({
      text: 'upon a time',
      finishReason: FinishReason.STOP,
      usage: { input: 5, output: 2, total: 7, estimated: false },
      route: { responseModel: 'm-2026', warnings: [] },
    })
    expect(value?.id).not.toBe('')
  })

  test.each(endpoints)('%s is asked at %s for a stream', async (model, path, more) => {
    const { cases, text, error } = await streamComplete(clients[server], { model, ...more, ...fresh })
    expect(error).toBeUndefined()
    expect(upstream.hits.map((hit) => hit.path)).toEqual([path])
    expect({ cases, text }).toEqual({ cases: ['start', 'text', 'text', 'finish'], text: 'upon a time' })
  })

  test.each(['openai/gpt-4o-mini', 'raw/chatty-1'])('%s is asked by a chat, with a warning', async (model) => {
    const { value } = await complete(clients[server], { model, maxTokens: 9, strict: true, ...fresh })
    expect(upstream.hits[0]).toMatchObject({
      path: '/v1/chat/completions',
      json: { messages: [{ role: 'user', content: 'Once' }], max_tokens: 9 },
    })
    expect(value).toMatchObject({ text: 'upon a time' })
    expect(value?.route?.warnings).toEqual([
      `The prompt was sent as a chat: ${model} is not asked for text completions.`,
    ])
  })
})

describe('a suffix', () => {
  test('skips a target that only chats, and the next one answers', async () => {
    const { value } = await complete(clients.gRPC, { model: 'gap', suffix: '.', ...fresh })
    expect(upstream.hits.map(({ path, json }) => [path, json['suffix']])).toEqual([['/v1/fim/completions', '.']])
    expect(value?.route?.attempts.map(({ provider, outcome, reason }) => [provider, outcome, reason])).toEqual([
      ['openai', AttemptOutcome.SKIPPED, 'UNSUPPORTED'],
      ['mistral', AttemptOutcome.OK, ''],
    ])
  })

  test.each(['openai/gpt-4o-mini', 'vllm/m', 'sim/echo'])(
    'is INVALID_ARGUMENT where %s is the only target',
    async (model) => {
      const { error } = await complete(clients.gRPC, { model, suffix: '.', ...fresh })
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED', fields: ['suffix'] })
      expect(upstream.hits).toEqual([])
    },
  )
})

test('a field that the endpoint does not take is left out with a warning, and refused by a strict call', async () => {
  const model = 'mistral/codestral-latest'
  const { value } = await complete(clients.gRPC, { model, topK: 3, ...fresh })
  expect(value?.route?.warnings).toEqual([`top_k was left out for ${model}: the model does not take it`])
  const { error } = await complete(clients.gRPC, { model, topK: 3, strict: true, ...fresh })
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED', fields: ['top_k'] })
})

test('only the text comes: not what the model thought, nor what it cited', async () => {
  upstream.answer(({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const deltas = [
      { reasoning_content: 'Let me see.' },
      { content: 'Yes.' },
      { tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } }] },
      { annotations: [{ url_citation: { url: 'https://a.example' } }] },
    ]
    for (const delta of deltas) response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`)
    response.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
  })
  const streamed = await streamComplete(clients.gRPC, { model: 'raw/chatty-1', ...fresh })
  expect(streamed.cases).toEqual(['start', 'text', 'finish'])
  expect(streamed.text).toBe('Yes.')
})

test('a stream that breaks off ends with an error, or starts over where the caller allows it', async () => {
  const breaksOff = continues('upon ', 'a')
  const cut: typeof breaksOff = ({ hit, response }) => {
    if (hit.json['model'] !== 'breaks') continues('Again.')({ hit, response, socket: hit as never })
    else {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[{"index":0,"text":"upon "}]}\n\n', () => response.destroy())
    }
  }
  upstream.answer(cut)
  const broken = await streamComplete(clients.gRPC, { model: 'resets', ...fresh })
  expect(broken).toMatchObject({ text: 'upon ', error: { code: 'UNAVAILABLE', reason: 'UPSTREAM_STREAM_TRUNCATED' } })
  const again = await streamComplete(clients.gRPC, { model: 'resets', allowReset: true, ...fresh })
  expect(again.error).toBeUndefined()
  expect(again.cases).toEqual(['start', 'text', 'reset', 'text', 'finish'])
})

test('a failed target is followed by the next, and the error of all says why', async () => {
  upstream.answer((exchange) => (exchange.hit.json['model'] === 'down' ? failure(503) : continues('Next.'))(exchange))
  const { value } = await complete(clients.gRPC, { model: 'vllm/down', fallbackModels: ['raw/up'], ...fresh })
  expect(value).toMatchObject({ text: 'Next.', route: { fallbackUsed: true } })
  upstream.answer(failure(404, { error: { message: 'no such model', code: 'model_not_found' } }))
  const { error } = await complete(clients.gRPC, { model: 'openai/davinci-002', ...fresh })
  expect(error).toMatchObject({ reason: 'UPSTREAM_MODEL_MISSING' })
})

test('cancelling a stream closes the connection to the vendor', async () => {
  upstream.answer(({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"index":0,"text":"upon "}]}\n\n')
  })
  const leaving = new AbortController()
  const { error } = await streamComplete(
    clients.gRPC,
    { model: 'vllm/m', ...fresh },
    { signal: leaving.signal, onMessage: () => leaving.abort() },
  )
  expect(error?.code).toBe('CANCELLED')
  await upstream.hits[0]?.closed
})

describe('the cache', () => {
  test('answers the same prompt, whole or as a stream, and never with the answer of a chat', async () => {
    const model = 'raw/chatty-cached'
    upstream.answer(answers('From a chat.'))
    await chat(clients.gRPC, { model, messages: [{ role: 3, content: 'Once' }] })
    upstream.answer(continues('upon ', 'a time'))
    const first = await complete(clients.gRPC, { model })
    const second = await complete(clients.HTTP, { model, userId: 'somebody' })
    const third = await streamComplete(clients.gRPC, { model })
    expect([first, second].map(({ value }) => [value?.text, value?.route?.cached])).toEqual([
      ['upon a time', false],
      ['upon a time', true],
    ])
    expect(third).toMatchObject({ cases: ['start', 'text', 'finish'], text: 'upon a time' })
    expect(upstream.hits).toHaveLength(2)
    const other = await complete(clients.gRPC, { model, prompt: 'Twice', cache: { mode: CacheMode.ONLY_IF_CACHED } })
    expect(other.error?.reason).toBe('NOT_CACHED')
  })

  test('forgets the answer to one request', async () => {
    const request = { model: 'vllm/forgotten', prompt: 'Once' }
    await complete(clients.gRPC, request)
    const cleared = await clients.gRPC.unary(LlmGatewayAdmin.method.clearCache, {
      answers: { case: 'complete', value: request },
    })
    expect(cleared.value?.cleared).toBe(1n)
    const { value } = await complete(clients.gRPC, request)
    expect(value?.route?.cached).toBe(false)
  })

  test('equal calls that are under way are one call of the vendor', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => complete(clients.gRPC, { model: 'vllm/shared' })))
    expect(all.map(({ value }) => value?.text)).toEqual(Array(5).fill('upon a time'))
    expect(upstream.hits).toHaveLength(1)
  })
})

test('bad requests name the field', async () => {
  const { error } = await complete(clients.gRPC, { model: 'vllm/m', prompt: '', temperature: 3 })
  expect(error).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_REQUEST',
    fields: ['prompt', 'temperature'],
  })
})

test('the call is recorded, counted and priced under its own name', async () => {
  await complete(clients.gRPC, { model: 'vllm/priced', sessionId: 's-1', ...fresh })
  await streamComplete(clients.gRPC, { model: 'vllm/priced', sessionId: 's-1', ...fresh })
  const { value } = await clients.gRPC.unary(LlmGatewayAdmin.method.listUsage, { filter: { sessionId: 's-1' } })
  expect(value?.records.map(({ operation, cost }) => [operation, cost?.usd])).toEqual([
    ['StreamComplete', 0.000025],
    ['Complete', 0.000025],
  ])
  const metrics = await (await fetch(gateway.metrics)).text()
  expect(metrics).toMatch(/llm_requests_total\{[^}]*operation="complete"/)
  expect(metrics).toMatch(/llm_requests_total\{[^}]*operation="stream_complete"/)
})

test('models are listed with the calls that they take', async () => {
  const { value } = await clients.gRPC.unary(LlmGateway.method.listModels, { provider: 'sim' })
  const operations = value?.models.find(({ model }) => model === 'echo')?.operations
  expect(operations).toEqual(['Chat', 'StreamChat', 'BatchChat', 'Complete', 'StreamComplete', 'Embed'])
})

test('the simulator continues a prompt with itself', async () => {
  const { text, error } = await streamComplete(clients.gRPC, { model: 'sim/echo', prompt: 'one two', ...fresh })
  expect({ text, error }).toEqual({ text: 'one two', error: undefined })
})
