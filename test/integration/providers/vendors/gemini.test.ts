import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FinishReason, ListModelsRequestSchema, LlmGateway } from '../../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { sse } from '../../../support/decode.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { startVendor, type VendorServer } from '../../../support/vendor-server.ts'

/* A gateway that knows Gemini from its variables alone, and is asked for it by either name. */

let vendor: VendorServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  vendor = await startVendor()
  const env = { GEMINI_API_KEY_1: 'first', GEMINI_API_KEY_2: 'second', GEMINI_BASE_URL: `${vendor.url}/v1beta` }
  gateway = await startGateway({ env: { ...env, LLM_PROVIDER: 'google' } })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await vendor.close()
})

const reply = (text: string, candidate: object = {}) => ({
  candidates: [{ content: { parts: [{ text }], role: 'model' }, ...candidate }],
  modelVersion: 'gemini-2.5-flash',
})
const STOP = { finishReason: 'STOP' }
const usageMetadata = {
  promptTokenCount: 1000,
  candidatesTokenCount: 100,
  thoughtsTokenCount: 900,
  totalTokenCount: 2000,
}

test('a chat goes to it with its keys in turn, in a header and never in the URL', async () => {
  vendor.answer({ pieces: [JSON.stringify({ ...reply('Hello.', STOP), usageMetadata })] })
  const first = await chat(client, {})
  const options = { google: { generationConfig: { topK: 3 } } }
  const second = await chat(client, { provider: 'google', model: 'google/gemini-2.5-flash', providerOptions: options })
  expect(first.value).toMatchObject({ message: { content: 'Hello.' }, route: { provider: 'gemini' } })
  expect(second.value).toMatchObject({
    finishReason: FinishReason.STOP,
    usage: { input: 1000, output: 1000, reasoning: 900, total: 2000 },
    route: { provider: 'gemini', model: 'gemini-2.5-flash' },
  })
  expect(second.value?.cost?.usd).toBeGreaterThan(0)
  expect(vendor.requests.map(({ path, headers }) => [path, headers['x-goog-api-key']])).toEqual([
    ['/v1beta/models/gemini-3.8-flash:generateContent', 'first'],
    ['/v1beta/models/gemini-2.5-flash:generateContent', 'second'],
  ])
  expect(JSON.parse(vendor.requests.at(-1)?.body ?? '')).toMatchObject({ generationConfig: { topK: 3 } })
})

test('a stream that ends in a bare error object is broken, and what it said before was sent', async () => {
  const error = JSON.stringify({ error: { code: 503, status: 'UNAVAILABLE', message: 'secret' } }, undefined, 2)
  vendor.answer({ contentType: 'text/event-stream', pieces: [sse(reply('Half ')), error] })
  const outcome = await streamChat(client, { model: 'google/gemini-2.5-flash' })
  expect(outcome.text).toBe('Half ')
  expect(outcome.error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UPSTREAM_STREAM_ERROR' })
  expect(outcome.error?.message).not.toContain('secret')
  expect(vendor.requests.at(-1)?.path).toBe('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse')
})

test('a limit says how long to wait: until the first of the keys may be used again', async () => {
  const delays = ['90s', '34.4s']
  vendor.answer(() => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: delays.shift() }]
    const error = { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'You exceeded your current quota.', details }
    return { status: 429, pieces: [JSON.stringify({ error })] }
  })
  expect((await chat(client, { provider: 'gemini' })).error).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'UPSTREAM_RATE_LIMITED',
    retryAfter: 34_400,
  })
  expect(delays).toEqual([])
})

test('vectors of many inputs come in batches of a hundred, in their order', async () => {
  vendor.answer(({ body }) => {
    const { requests } = JSON.parse(body)
    const embeddings = requests.map((each: { content: { parts: [{ text: string }] } }) => ({
      values: [Number(each.content.parts[0].text), 1],
    }))
    return { pieces: [JSON.stringify({ embeddings, usageMetadata: { promptTokenCount: embeddings.length } })] }
  })
  const inputs = Array.from({ length: 230 }, (_, index) => String(index))
  const { value } = await embed(client, { provider: 'google', inputs })
  expect(value?.embeddings.map(({ values }) => values[0])).toEqual(inputs.map(Number))
  expect(value).toMatchObject({ usage: { input: 230 }, route: { model: 'gemini-embedding-2' } })
})

test('its models are listed by either name, without the prefix of their ids', async () => {
  vendor.answer({ pieces: ['{"models":[{"name":"models/gemini-2.5-pro"}]}'] })
  const asked = create(ListModelsRequestSchema, { provider: 'google' })
  const { value } = await client.unary(LlmGateway.method.listModels, asked)
  expect(value?.models.map(({ id }) => id)).toContain('gemini/gemini-2.5-pro')
  expect(vendor.requests.at(-1)?.path).toBe('/v1beta/models?pageSize=1000')
})
