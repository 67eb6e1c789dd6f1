/** A fake of OpenAI's Responses API that other people wrote after its documentation, as an upstream. */
import assert from 'node:assert/strict'
import { LLMock } from '@copilotkit/aimock'
import { FinishReason, Role } from '../../../src/domain/types.ts'
import { chat } from '../../support/client.ts'
import { check } from './checks.ts'
import { ask, checkChat, checkStreamChat, connectTo, disconnect, SAID } from './upstream.ts'

const mock = new LLMock({ port: 0 })
await mock.start()
const upstream = await connectTo(
  `  responses: { kind: openai, base_url: "${mock.url}/v1", keys: ["$\{KEY}"], api: responses, default_model: gpt-5.5 }`,
  { KEY: 'sk-interop' },
)
const tools = [{ name: 'get_weather', parameters: '{"type":"object","properties":{"city":{"type":"string"}}}' }]
const question = { role: Role.USER, content: 'The weather in Oslo?' }

try {
  mock.onToolResult('call_1', { content: 'It rains in Oslo.' })
  mock.onMessage('weather', { toolCalls: [{ id: 'call_1', name: 'get_weather', arguments: '{"city":"Oslo"}' }] })
  mock.onMessage('Hello', { content: SAID })
  await checkChat(upstream, 'responses')
  await checkStreamChat(upstream, 'responses')
  await check('responses: a tool is called, and its result is taken', async () => {
    const { value: first, error } = await chat(upstream.client, ask('responses', { messages: [question], tools }))
    assert.equal(error, undefined)
    assert.equal(first?.finishReason, FinishReason.TOOL_CALLS)
    assert.ok(first?.message)
    const result = { role: Role.TOOL, toolCallId: 'call_1', content: 'Rain.' }
    const messages = [question, first.message, result]
    const { value: second } = await chat(upstream.client, ask('responses', { messages, tools }))
    assert.equal(second?.message?.content, 'It rains in Oslo.')
  })
} finally {
  await disconnect(upstream)
  await mock.stop()
}
