import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FinishReason, LlmGateway, Role } from '../../../../src/domain/types.ts'
import { block, start, stop, textBlock } from '../../../support/anthropic-replies.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { sse } from '../../../support/decode.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { startVendor, type VendorReply, type VendorServer } from '../../../support/vendor-server.ts'

/* A gateway in front of Anthropic, and of another vendor that calls fall back from. */

let vendor: VendorServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  vendor = await startVendor()
  gateway = await startGateway({
    yaml: `
providers:
  anthropic: { base_url: "${vendor.url}" }
${REFUSALS.map((_, index) => `  refused-${index}: { kind: anthropic, base_url: "${vendor.url}", keys: ["$\{ANTHROPIC_API_KEY}"] }`).join('\n')}
  broken: { kind: local, base_url: "http://127.0.0.1:1" }
models:
  careful: { targets: [broken/m, anthropic/claude-sonnet-4-5] }`,
    env: { ANTHROPIC_API_KEY: 'sk-ant-1' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await vendor.close()
})

function json(body: unknown, status = 200, headers: Record<string, string> = {}): VendorReply {
  return { status, headers, pieces: [JSON.stringify(body)] }
}

const ANSWER = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-6',
  content: [{ type: 'text', text: 'Hello.' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1000, cache_read_input_tokens: 100, cache_creation_input_tokens: 0, output_tokens: 10 },
}

test('a chat that names only the provider is asked of its default model, with key and version', async () => {
  vendor.answer(json(ANSWER, 200, { 'retry-after': '20' }))
  const { value } = await chat(client, { provider: 'anthropic' })
  expect(value).toMatchObject({
    message: { content: 'Hello.' },
    finishReason: FinishReason.STOP,
    usage: { input: 1100, cachedInput: 100, cacheWrite: 0, output: 10, total: 1110, estimated: false },
    route: { provider: 'anthropic', model: 'claude-sonnet-4-6', upstreamId: 'msg_1', warnings: [] },
  })
  // 3 USD for a million tokens of input, 0.3 for those from the cache, 15 for those of output.
  expect(value?.cost?.usd).toBeCloseTo(0.003 + 0.00003 + 0.00015, 9)
  const { method, path, headers, body } = vendor.requests.at(-1) ?? {}
  expect([method, path]).toEqual(['POST', '/v1/messages'])
  expect(headers).toMatchObject({ 'x-api-key': 'sk-ant-1', 'anthropic-version': '2023-06-01' })
  expect(headers).not.toHaveProperty('authorization')
  expect(JSON.parse(body ?? '')).toMatchObject({ model: 'claude-sonnet-4-6', max_tokens: 4096 })
})

test('a stream is told as it comes, and its answer can be sent back', async () => {
  vendor.answer({
    contentType: 'text/event-stream',
    pieces: [
      sse(
        start(),
        ...block(
          0,
          { type: 'thinking', thinking: '' },
          { type: 'thinking_delta', thinking: 'Look.' },
          {
            type: 'signature_delta',
            signature: 'c2ln',
          },
        ),
      ),
      sse(...textBlock(1, 'Hel', 'lo.'), ...stop()),
    ],
  })
  const { text, cases, error } = await streamChat(client, { model: 'anthropic/claude-opus-5' })
  expect(error).toBeUndefined()
  expect(text).toBe('Hello.')
  expect(cases).toEqual(['start', 'reasoning', 'reasoning', 'text', 'text', 'finish'])
  expect(JSON.parse(vendor.requests.at(-1)?.body ?? '')).toMatchObject({ stream: true })
})

test('a conversation that another vendor began goes on here', async () => {
  vendor.answer(json(ANSWER))
  const { value } = await chat(client, {
    model: 'careful',
    temperature: 0.5,
    seed: 3n,
    tools: [{ name: 'look', parameters: '{"type":"object"}' }],
    messages: [
      { role: Role.DEVELOPER, content: 'Be brief.' },
      { role: Role.USER, content: 'Go.', name: 'ann' },
      {
        role: Role.ASSISTANT,
        reasoning: [{ text: 'unsigned' }],
        toolCalls: [{ id: 'functions.look:0', name: 'look', arguments: '' }],
      },
      { role: Role.TOOL, toolCallId: 'functions.look:0', content: 'x' },
    ],
  })
  expect(value).toMatchObject({ route: { provider: 'anthropic', fallbackUsed: true } })
  expect(value?.route?.warnings).toEqual([
    expect.stringContaining('messages[1].name was left out for anthropic/claude-sonnet-4-5'),
    expect.stringContaining('seed was left out'),
  ])
})

/** A refused key is not used again: each has one of its own. */
const REFUSALS: readonly (readonly [status: number, type: string, message: string, code: string, reason: string])[] = [
  [400, 'invalid_request_error', 'messages: bad', 'INVALID_ARGUMENT', 'UPSTREAM_INVALID_REQUEST'],
  [
    400,
    'invalid_request_error',
    'messages.1.content.0: Invalid `signature` in `thinking` block',
    'INVALID_ARGUMENT',
    'UPSTREAM_INVALID_REQUEST',
  ],
  [
    400,
    'invalid_request_error',
    'prompt is too long: 210000 tokens > 200000 maximum',
    'INVALID_ARGUMENT',
    'CONTEXT_LENGTH_EXCEEDED',
  ],
  [
    400,
    'invalid_request_error',
    'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000',
    'INVALID_ARGUMENT',
    'CONTEXT_LENGTH_EXCEEDED',
  ],
  [
    400,
    'invalid_request_error',
    'Your credit balance is too low to access the Anthropic API.',
    'RESOURCE_EXHAUSTED',
    'UPSTREAM_QUOTA_EXHAUSTED',
  ],
  [
    400,
    'invalid_request_error',
    'You have reached your specified workspace API usage limits. You will regain access on 2026-12-01.',
    'RESOURCE_EXHAUSTED',
    'UPSTREAM_QUOTA_EXHAUSTED',
  ],
  [400, 'invalid_request_error', 'Output blocked by content filtering policy', 'INVALID_ARGUMENT', 'CONTENT_FILTERED'],
  [400, 'invalid_request_error', 'This organization has been disabled.', 'FAILED_PRECONDITION', 'UPSTREAM_FORBIDDEN'],
  [401, 'authentication_error', 'invalid x-api-key', 'FAILED_PRECONDITION', 'UPSTREAM_CREDENTIALS'],
  [402, 'billing_error', 'x', 'FAILED_PRECONDITION', 'UPSTREAM_BILLING'],
  [403, 'permission_error', 'x', 'FAILED_PRECONDITION', 'UPSTREAM_FORBIDDEN'],
  [404, 'not_found_error', 'model: x', 'FAILED_PRECONDITION', 'UPSTREAM_MODEL_MISSING'],
  [413, 'request_too_large', 'x', 'INVALID_ARGUMENT', 'REQUEST_TOO_LARGE'],
  [
    429,
    'rate_limit_error',
    'This request would exceed your rate limit. Please reduce the prompt length.',
    'RESOURCE_EXHAUSTED',
    'UPSTREAM_RATE_LIMITED',
  ],
  [500, 'api_error', 'x', 'UNAVAILABLE', 'UPSTREAM_ERROR'],
  [504, 'timeout_error', 'x', 'UNAVAILABLE', 'UPSTREAM_GATEWAY'],
  [529, 'overloaded_error', 'Overloaded', 'UNAVAILABLE', 'UPSTREAM_OVERLOADED'],
]

describe('a refusal', () => {
  test.each(REFUSALS.map((refusal, index) => [...refusal, `refused-${index}`] as const))(
    '%i %s: %s',
    async (status, type, message, code, reason, provider) => {
      vendor.answer(json({ type: 'error', error: { type, message } }, status))
      const { error } = await chat(client, { provider })
      expect(error).toMatchObject({ code, reason })
      if (message.length > 8) expect(error?.message).not.toContain(message)
    },
  )
})

test('its models are listed', async () => {
  vendor.answer(({ path, headers }) => {
    const known = path === '/v1/models?limit=1000' && headers['anthropic-version'] === '2023-06-01'
    return known ? json({ data: [{ type: 'model', id: 'claude-opus-5-5' }], has_more: false }) : json({}, 404)
  })
  const { value } = await client.unary(LlmGateway.method.listModels, { provider: 'anthropic' })
  expect(value?.unavailable).toEqual([])
  expect(value?.models.map(({ id }) => id)).toContain('anthropic/claude-opus-5-5')
})

test('vectors are said to be another vendor’s business', async () => {
  const { error } = await embed(client, { model: 'anthropic/claude-sonnet-4-6' })
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED' })
  expect(error?.message).toContain('offers no embeddings')
})
