import { LLMock } from '@copilotkit/aimock'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FinishReason, Role } from '../../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../../support/client.ts'
import { type RunningGateway, startGateway } from '../../../support/gateway.ts'
import { GrpcClient } from '../../../support/grpc-client.ts'

/* The gateway before fakes that other people wrote after the vendors' documentation: a second opinion on our own. */

let mock: LLMock
let gateway: RunningGateway
let client: GrpcClient

beforeAll(async () => {
  mock = new LLMock({ port: 0 })
  await mock.start()
  // A key that was refused or limited is not used again at once: each such test has a provider of its own.
  const providers = ['', '-refused', '-limited', '-limited-for-long'].flatMap((after) => [
    `  openai${after}: { kind: openai, base_url: "${mock.url}/v1", keys: ["$\{KEY}"] }`,
    `  responses${after}: { kind: openai, api: responses, base_url: "${mock.url}/v1", keys: ["$\{KEY}"] }`,
    `  azure${after}: { kind: azure, base_url: "${mock.url}", keys: ["$\{KEY}"] }`,
    `  anthropic${after}: { kind: anthropic, base_url: "${mock.url}", keys: ["$\{KEY}"] }`,
  ])
  gateway = await startGateway({
    yaml: `
auth: none
providers:
${providers.join('\n')}`,
    env: { KEY: 'k1' },
  })
  client = new GrpcClient(gateway.grpc)
})

beforeEach(() => {
  mock.reset()
})

afterAll(async () => {
  client.close()
  await gateway.close()
  await mock.stop()
})

const ask = (provider: string, content: string) => ({
  provider,
  model: provider.startsWith('anthropic') ? 'claude-sonnet-4-6' : 'gpt-4o-mini',
  messages: [{ role: Role.USER, content }],
})
const weather = { name: 'get_weather', parameters: '{"type":"object","properties":{"city":{"type":"string"}}}' }

describe.each(['openai', 'responses', 'azure', 'anthropic'])('%s', (provider) => {
  it('answers with a text', async () => {
    mock.onMessage('hello', { content: 'Hi there!' })
    const { value } = await chat(client, ask(provider, 'hello'))
    expect(value?.message?.content).toBe('Hi there!')
    expect(value?.finishReason).toBe(FinishReason.STOP)
    // By these APIs the fake reports zeros, which say nothing.
    expect(value?.usage?.estimated).toBe(provider === 'anthropic' || provider === 'responses')
    expect(mock.getLastRequest()?.response.status).toBe(200)
  })

  it('streams a text in many pieces', async () => {
    const content = 'A text that is long enough to come in many pieces. '.repeat(4)
    mock.onMessage('hello', { content }, { chunkSize: 10 })
    const { text, cases, error } = await streamChat(client, ask(provider, 'hello'))
    expect(error).toBeUndefined()
    expect(text).toBe(content)
    expect(cases.filter((name) => name === 'text').length).toBeGreaterThan(10)
    expect(cases.at(-1)).toBe('finish')
  })

  it('calls a tool, takes its result, and answers', async () => {
    const tools = [weather]
    mock.onToolResult('call_1', { content: 'It rains in Oslo.' })
    mock.onMessage('weather', { toolCalls: [{ id: 'call_1', name: 'get_weather', arguments: '{"city":"Oslo"}' }] })
    const question = ask(provider, 'weather')
    const first = (await chat(client, { ...question, tools })).value
    expect(first?.finishReason).toBe(FinishReason.TOOL_CALLS)
    expect(first?.message?.toolCalls).toMatchObject([
      { id: 'call_1', name: 'get_weather', arguments: '{"city":"Oslo"}' },
    ])
    if (!first?.message) throw new Error('there is no answer')
    const result = { role: Role.TOOL, toolCallId: 'call_1', content: 'Rain.' }
    const messages = [...question.messages, first.message, result]
    expect((await chat(client, { ...question, tools, messages })).value?.message?.content).toBe('It rains in Oslo.')
  })

  it('streams two calls at once', async () => {
    const calls = ['Oslo', 'Rome'].map((city) => ({ name: 'get_weather', arguments: `{"city":"${city}"}` }))
    mock.onMessage('weather', { toolCalls: calls })
    const { messages, error } = await streamChat(client, { ...ask(provider, 'weather'), tools: [weather] })
    const pieces = messages.flatMap(({ event }) => (event.case === 'toolCall' ? [event.value] : []))
    const joined = [0, 1].map((index) =>
      pieces.filter((piece) => piece.index === index).reduce((text, piece) => text + piece.arguments, ''),
    )
    expect(error).toBeUndefined()
    expect(joined).toEqual(calls.map((call) => call.arguments))
  })

  it.each([
    [401, 'authentication_error', 'UPSTREAM_CREDENTIALS', 'FAILED_PRECONDITION', '-refused'],
    [429, 'rate_limit_error', 'UPSTREAM_RATE_LIMITED', 'RESOURCE_EXHAUSTED', '-limited'],
    [500, 'api_error', 'UPSTREAM_ERROR', 'UNAVAILABLE', ''],
    [503, 'overloaded_error', 'UPSTREAM_OVERLOADED', 'UNAVAILABLE', ''],
  ])('that fails with %i %s is reported as %s', async (status, type, reason, code, after) => {
    // What may pass is asked for once more.
    for (let time = 0; time < 2; time++) mock.nextRequestError(status, { message: 'No.', type })
    const { error } = await chat(client, ask(`${provider}${after}`, 'hello'))
    expect([error?.reason, error?.code]).toEqual([reason, code])
    expect(error?.detail?.attempts.at(-1)?.status).toBe(status)
    expect(error?.message).not.toContain('No.')
  })

  it('that drops the connection before its answer is reported, not answered', async () => {
    mock.onMessage('hello', { content: 'Hi there!' }, { chaos: { disconnectRate: 1 } })
    const { value, error } = await chat(client, ask(provider, 'hello'))
    expect(value).toBeUndefined()
    expect(error?.code).toBe('UNAVAILABLE')
  })

  it('whose stream is cut never looks complete', async () => {
    const content = 'A text that is long enough to be cut in the middle.'
    mock.onMessage('hello', { content }, { chunkSize: 5, truncateAfterChunks: 4 })
    const { text, cases, error } = await streamChat(client, ask(provider, 'hello'))
    expect(content.startsWith(text)).toBe(true)
    expect(text.length).toBeLessThan(content.length)
    expect(cases).not.toContain('finish')
    expect(error?.code).toBe('UNAVAILABLE')
  })

  it('whose body is no JSON is reported as such', async () => {
    mock.onMessage('hello', { content: 'Hi there!' }, { chaos: { malformedRate: 1 } })
    const { error } = await chat(client, ask(provider, 'hello'))
    expect(error?.reason).toBe('UPSTREAM_MALFORMED')
  })

  it('that limits the rate says how long to wait', async () => {
    mock.onMessage('hello', { content: 'Hi there!' }, { chaos: { rateLimitRate: 1 } })
    const { error } = await chat(client, ask(`${provider}-limited-for-long`, 'hello'))
    expect(error?.reason).toBe('UPSTREAM_RATE_LIMITED')
    expect(error?.retryAfter).toBeGreaterThan(0)
  })
})

it('openai thinks aloud where the fake does', async () => {
  mock.onMessage('hello', { content: 'Hi there!', reasoning: 'Greet back.' })
  const { value } = await chat(client, ask('openai', 'hello'))
  expect(value?.message?.reasoning).toMatchObject([{ text: 'Greet back.' }])
})

it('anthropic thinks in a signed block and an encrypted one, which may go back', async () => {
  const thinking = { reasoning: 'Greet back.', reasoningSignature: 'c2lnbmVk', redactedThinking: ['c2VjcmV0'] }
  mock.onMessage('hello', { content: 'Hi there!', ...thinking })
  mock.onMessage('again', { content: 'Once more.' })
  const question = ask('anthropic', 'hello')
  const { value } = await chat(client, question)
  const blocks = value?.message?.reasoning.map(({ text, signature, redacted }) => ({ text, signature, redacted }))
  expect(blocks).toEqual(
    expect.arrayContaining([
      { text: 'Greet back.', signature: 'c2lnbmVk', redacted: '' },
      { text: '', signature: '', redacted: 'c2VjcmV0' },
    ]),
  )
  if (!value?.message) throw new Error('there is no answer')
  const messages = [...question.messages, value.message, { role: Role.USER, content: 'again' }]
  expect((await chat(client, { ...question, messages })).value?.message?.content).toBe('Once more.')
})

it.each(['openai', 'azure'])('%s turns a text into a vector', async (provider) => {
  mock.onEmbedding('one', { embedding: [0.5, -0.25] })
  const { value, error } = await embed(client, { provider, model: 'text-embedding-3-small', inputs: ['one'] })
  expect(error).toBeUndefined()
  expect(value?.embeddings.map(({ values }) => values)).toEqual([[0.5, -0.25]])
})
