import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { AttemptOutcome, Role, ToolChoiceMode } from '../../../../src/domain/types.ts'
import { type ChatInit, chat, embed, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'
import { startVendor, type VendorServer } from '../../../support/vendor-server.ts'

/* What a wire cannot carry is refused before anything is sent, or asked of the next target. */

let vendor: VendorServer
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  vendor = await startVendor()
  gateway = await startGateway({
    yaml: `
providers:
  anthropic: { base_url: "${vendor.url}" }
  gemini: { base_url: "${vendor.url}" }
  deepseek: { base_url: "${vendor.url}" }
  ollama: { base_url: "${vendor.url}" }
  next: { kind: local, base_url: "${vendor.url}/next" }`,
    env: { ANTHROPIC_API_KEY: 'k', GEMINI_API_KEY: 'k', DEEPSEEK_API_KEY: 'k' },
  })
  client = new GrpcClient(gateway.grpc)
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await vendor.close()
})

beforeEach(() => {
  vendor.requests.length = 0
  const choices = [{ message: { content: 'From the next.' }, finish_reason: 'stop' }]
  vendor.answer({ pieces: [JSON.stringify({ choices })] })
})

type PartInit = NonNullable<NonNullable<NonNullable<ChatInit['messages']>[number]['parts']>[number]>

const saying = (...parts: PartInit[]): ChatInit => ({ messages: [{ role: Role.USER, parts }] })
const data = { case: 'data' as const, value: new Uint8Array([1, 2, 3]) }
const sound: PartInit = { content: { case: 'audio', value: { source: data, mimeType: 'audio/wav' } } }
const pdf: PartInit = { content: { case: 'file', value: { source: data, mimeType: 'application/pdf' } } }
const picture: PartInit = { content: { case: 'image', value: { source: data, mimeType: 'image/png' } } }
const tiff: PartInit = { content: { case: 'image', value: { source: data, mimeType: 'image/tiff' } } }
const page = { case: 'url' as const, value: 'https://a.example/b.png' }
const pictureThere: PartInit = { content: { case: 'image', value: { source: page } } }
const text: PartInit = { content: { case: 'text', value: 'What is this?' } }
const tools = [{ name: 'now' }]
const required = { choice: { case: 'mode' as const, value: ToolChoiceMode.REQUIRED } }
const anyJson = { format: { case: 'jsonObject' as const, value: {} } }
const schema = { format: { case: 'jsonSchema' as const, value: { schema: '{"type":"object"}' } } }
const hi = { messages: [{ role: Role.USER, content: 'Hi.' }] }

const refusals: readonly (readonly [string, string, string, ChatInit])[] = [
  ['anthropic', 'claude-haiku-4-5', 'messages[0].parts[1]', saying(text, sound)],
  ['anthropic', 'claude-haiku-4-5', 'messages[0].parts[0]', saying(tiff)],
  ['anthropic', 'claude-opus-5-5', 'tool_choice', { ...hi, tools, toolChoice: required }],
  ['anthropic', 'claude-opus-5-5', 'response_format.json_object', { ...hi, responseFormat: anyJson }],
  ['anthropic', 'claude-haiku-4-5', 'tools[0].name', { ...hi, tools: [{ name: 'a.b' }] }],
  ['gemini', 'gemini-2.5-flash', 'messages', { messages: [{ role: Role.USER, content: '' }] }],
  ['gemini', 'gemma-3-27b-it', 'tools', { ...hi, tools }],
  ['gemini', 'gemini-2.5-flash', 'response_format', { ...hi, tools, responseFormat: schema }],
  ['deepseek', 'deepseek-chat', 'messages[0].parts[0]', saying(picture)],
  ['deepseek', 'deepseek-chat', 'response_format', { ...hi, responseFormat: schema }],
  ['ollama', 'qwen3', 'messages[0].parts[0]', saying(sound)],
  ['ollama', 'qwen3', 'messages[0].parts[0]', saying(pdf)],
  ['ollama', 'qwen3', 'messages[0].parts[1]', saying(text, pictureThere)],
  ['ollama', 'qwen3', 'tool_choice', { ...hi, tools, toolChoice: required }],
  // What only tunes an answer counts where the caller says so.
  ['anthropic', 'claude-haiku-4-5', 'seed', { ...hi, seed: 1n, strict: true }],
]

test.each(refusals)('%s/%s is not asked for what it cannot carry: %s', async (provider, model, field, request) => {
  for (const ask of [chat, streamChat]) {
    const { error } = await ask(client, { ...request, provider, model })
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED' })
    expect(error?.fields[0]).toContain(field)
    expect(error?.detail?.attempts).toMatchObject([
      { provider, model, outcome: AttemptOutcome.SKIPPED, reason: 'UNSUPPORTED' },
    ])
  }
  expect(vendor.requests).toEqual([])
})

test.each(refusals.filter(([, , field]) => field.includes('parts')))(
  'instead of %s/%s the next target is asked, where it takes %s',
  async (provider, model, _field, request) => {
    const fallbackModels = ['next/gpt-4o']
    const { value, error } = await chat(client, { ...request, provider, model, fallbackModels })
    expect(error).toBeUndefined()
    expect(value?.route).toMatchObject({ provider: 'next', fallbackUsed: true })
    expect(vendor.requests.map(({ path }) => path)).toEqual(['/next/chat/completions'])
  },
)

test('anthropic is not asked for vectors', async () => {
  const { error } = await embed(client, { provider: 'anthropic', model: 'claude-haiku-4-5' })
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED' })
  expect(vendor.requests).toEqual([])
})

test('a turn that one vendor signed goes on at another without its proofs, and the caller is told', async () => {
  const signature = 'EtYDCkYICxgCKkAVHEWRYo6RIn8='
  const called = { id: 'toolu_1', name: 'now', arguments: '{}' }
  vendor.answer(({ path }) => {
    if (path.startsWith('/v1/messages')) return { status: 529, pieces: ['{"error":{"type":"overloaded_error"}}'] }
    const candidates = [{ content: { parts: [{ text: 'Noon.' }] }, finishReason: 'STOP' }]
    return { pieces: [JSON.stringify({ candidates })] }
  })
  const { value } = await chat(client, {
    provider: 'anthropic',
    model: 'claude-haiku-4-5',
    fallbackModels: ['gemini/gemini-3-pro'],
    tools,
    messages: [
      { role: Role.USER, content: 'What time is it?' },
      { role: Role.ASSISTANT, reasoning: [{ text: 'Look.', signature }], toolCalls: [called] },
      { role: Role.TOOL, toolCallId: 'toolu_1', content: '12:00' },
    ],
  })
  const [first, ...others] = vendor.requests.map(({ body }) => body.includes(signature))
  expect([first, others.at(-1)]).toEqual([true, false])
  expect(value).toMatchObject({ message: { content: 'Noon.' }, route: { provider: 'gemini', fallbackUsed: true } })
  expect(value?.route?.warnings).toEqual([
    expect.stringContaining('messages[1].reasoning[0].signature was left out for gemini/gemini-3-pro'),
  ])
})
