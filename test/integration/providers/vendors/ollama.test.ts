import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ContextOverflow, FinishReason, LlmGateway } from '../../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { longConversation } from '../../../support/conversations.ts'
import { ndjson } from '../../../support/decode.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { startVendor, type VendorReply, type VendorServer } from '../../../support/vendor-server.ts'

/* A gateway that is told nothing but where Ollama is. */

let server: VendorServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  server = await startVendor()
  gateway = await startGateway({ env: { OLLAMA_HOST: server.url.replace('http://', ''), OLLAMA_MODEL: 'qwen3' } })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await server.close()
})

function json(body: unknown, status = 200): VendorReply {
  return { status, pieces: [JSON.stringify(body)] }
}

const line = (content: string, more: object = {}) => ({
  model: 'qwen3',
  message: { role: 'assistant', content },
  done: false,
  ...more,
})
const DONE = line('', { done: true, done_reason: 'stop', prompt_eval_count: 4, eval_count: 2 })

test('a chat that names nothing is answered by its default model', async () => {
  server.answer(json(line('Hello.', { done: true, done_reason: 'length', prompt_eval_count: 4, eval_count: 2 })))
  const { value } = await chat(client, { maxTokens: 2, providerOptions: { ollama: { num_ctx: 8192 } } })
  expect(value).toMatchObject({
    message: { content: 'Hello.' },
    finishReason: FinishReason.LENGTH,
    usage: { input: 4, output: 2, total: 6 },
    cost: { usd: 0 },
    route: { provider: 'ollama', model: 'qwen3', warnings: [] },
  })
  const { path, headers, body } = server.requests.at(-1) ?? {}
  expect(path).toBe('/api/chat')
  expect(headers).not.toHaveProperty('authorization')
  expect(JSON.parse(body ?? '')).toMatchObject({ options: { num_predict: 2, num_ctx: 8192 }, stream: false })
})

test.each([
  ['as an option by its name', { num_ctx: 800 }],
  ['among the options of the body', { options: { num_ctx: 800 } }],
])('the window that a call asks for %s is the one that its conversation is shortened to', async (_, ollama) => {
  server.answer(json(line('Yes.', { done: true, done_reason: 'stop', prompt_eval_count: 400, eval_count: 2 })))
  const messages = longConversation(20)
  const contextOverflow = ContextOverflow.DROP_OLDEST
  const { value } = await chat(client, { messages, contextOverflow, providerOptions: { ollama } })
  expect(value?.route?.warnings.join()).toMatch(
    /the context of ollama\/qwen3 is too small: the \d+ oldest turns were dropped/,
  )
  const sent = JSON.parse(server.requests.at(-1)?.body ?? '')
  expect(sent).toMatchObject({ options: { num_ctx: 800 } })
  expect(sent.messages.length).toBeLessThan(20)
  expect(sent.messages.at(-1)?.content).toBe(messages.at(-1)?.content)
})

test.each(['application/x-ndjson', 'application/json'])(
  'a stream of type %s is read line by line',
  async (contentType) => {
    server.answer({ contentType, pieces: [ndjson(line('Hel')), ndjson(line('lo.'), DONE)] })
    const { text, cases, error } = await streamChat(client, { model: 'ollama/gpt-oss:20b' })
    expect(error).toBeUndefined()
    expect(text).toBe('Hello.')
    expect(cases).toEqual(['start', 'text', 'text', 'finish'])
  },
)

test('a stream without its last line is not a complete answer', async () => {
  server.answer({ contentType: 'application/x-ndjson', pieces: [ndjson(line('Hel'))] })
  const { text, error } = await streamChat(client, {})
  expect(text).toBe('Hel')
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_STREAM_TRUNCATED' })
})

describe('a refusal', () => {
  test.each([
    [404, "model 'qwen3' not found", 'FAILED_PRECONDITION', 'LOCAL_MODEL_MISSING', /Pull the model/],
    [400, '"qwen3" does not support tools', 'INVALID_ARGUMENT', 'UNSUPPORTED', /This model cannot do/],
    [400, 'invalid options: num_ctx', 'INVALID_ARGUMENT', 'UPSTREAM_INVALID_REQUEST', /refused the request/],
    [400, 'the input length exceeds the context length', 'INVALID_ARGUMENT', 'CONTEXT_LENGTH_EXCEEDED', /Shorten/],
    [503, 'server busy, please try again', 'UNAVAILABLE', 'UPSTREAM_OVERLOADED', /overloaded/],
    [500, 'model requires more system memory', 'UNAVAILABLE', 'UPSTREAM_ERROR', /failed/],
    [401, 'unauthorized', 'FAILED_PRECONDITION', 'UPSTREAM_CREDENTIALS', /key/],
  ])('%i %s', async (status, error, code, reason, message) => {
    server.answer(json({ error }, status))
    const outcome = await chat(client, { provider: 'ollama' })
    expect(outcome.error).toMatchObject({ code, reason, message: expect.stringMatching(message) })
    expect(outcome.error?.message).not.toContain(error)
  })
})

test('vectors come from nomic-embed-text, 768 numbers each', async () => {
  server.answer(({ body }) => {
    const { input } = JSON.parse(body)
    const embeddings = input.map((_: string, index: number) =>
      Array.from({ length: 768 }, (_, at) => (at + index) / 768),
    )
    return json({ model: 'nomic-embed-text', embeddings, prompt_eval_count: 6 })
  })
  const { value } = await embed(client, { inputs: ['a', 'b', 'c'] })
  expect(value?.embeddings.map(({ values }) => [values.length, values[0]])).toEqual([
    [768, 0],
    [768, expect.closeTo(1 / 768, 6)],
    [768, expect.closeTo(2 / 768, 6)],
  ])
  expect(value?.usage).toMatchObject({ input: 6, estimated: false })
  expect(JSON.parse(server.requests.at(-1)?.body ?? '')).toMatchObject({ model: 'nomic-embed-text' })
})

test('vectors of another length than was asked for are refused: older servers pass over the field', async () => {
  server.answer(json({ embeddings: [[1, 2, 3]] }))
  expect((await embed(client, { dimensions: 2 })).error).toMatchObject({ reason: 'UPSTREAM_MALFORMED' })
  expect((await embed(client, { dimensions: 3 })).value?.embeddings).toHaveLength(1)
})

test('its models are those that are pulled', async () => {
  server.answer(json({ models: [{ name: 'llama3.2:latest', model: 'llama3.2:latest' }] }))
  const { value } = await client.unary(LlmGateway.method.listModels, { provider: 'ollama' })
  expect(value?.models.map(({ id }) => id)).toEqual(['ollama/llama3.2:latest'])
})

test('a gateway that is told nothing at all runs, and says what to do where no Ollama answers', async ({ skip }) => {
  const bare = await startGateway({ env: {} })
  const server = new GrpcClient(bare.grpc)
  try {
    await bare.logged(({ message }) => String(message).startsWith('No provider is configured, so ollama at http://'))
    const { value } = await server.unary(LlmGateway.method.health, {})
    if (value?.providers[0]?.healthy) skip('this machine has an Ollama')
    const advice = expect.stringContaining('It is assumed, not configured: start it, set a key such as OPENAI_API_KEY')
    expect(value?.providers).toMatchObject([{ name: 'ollama', healthy: false, message: advice }])
    const { error } = await chat(server, {})
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_UNREACHABLE', message: advice })
  } finally {
    server.close()
    await bare.close()
  }
})
