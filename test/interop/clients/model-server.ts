import assert from 'node:assert/strict'
import { FinishReason } from '../../../src/domain/types.ts'
import { chat, embed, streamChat } from '../../support/client.ts'
import { complete, streamComplete } from '../../support/completions.ts'
import { check } from './checks.ts'
import { ask, type Upstream } from './upstream.ts'

/** So few tokens that a small model on a busy machine generates them in time. */
const MAX_TOKENS = 8
const short = { maxTokens: MAX_TOKENS, temperature: 0 }
const ended = [FinishReason.STOP, FinishReason.LENGTH]
const prompt = 'The capital of France is'

/** Checks the four calls that generate text against a server with a real model, which says what it likes. */
export async function checkText({ client }: Upstream, provider: string): Promise<void> {
  await check(`${provider}: Chat`, async () => {
    const { value, error } = await chat(client, ask(provider, short))
    assert.equal(error, undefined)
    assert.notEqual(value?.message?.content, '')
    assert.ok(ended.includes(Number(value?.finishReason)), `the reason is ${value?.finishReason}`)
    assert.ok(value?.usage?.input && value.usage.output, 'it has no usage')
    assert.ok(value.usage.output <= MAX_TOKENS, `${value.usage.output} tokens`)
  })
  await check(`${provider}: StreamChat`, async () => {
    const { text, cases, messages, error } = await streamChat(client, ask(provider, short))
    assert.equal(error, undefined)
    assert.notEqual(text, '')
    assert.deepEqual([cases[0], cases.at(-1)], ['start', 'finish'])
    assert.ok(cases.filter((kind) => kind === 'text').length > 1, 'it came as one piece')
    const last = messages.at(-1)?.event
    assert.ok(last?.case === 'finish' && last.value.usage?.output, 'it has no usage')
  })
  await check(`${provider}: Complete`, async () => {
    const { value, error } = await complete(client, { provider, prompt, ...short })
    assert.equal(error, undefined)
    assert.notEqual(value?.text, '')
    assert.deepEqual(value?.route?.warnings, [], 'it was not asked at its own endpoint')
    assert.ok(value?.usage?.output, 'it has no usage')
  })
  await check(`${provider}: StreamComplete`, async () => {
    const { text, cases, error } = await streamComplete(client, { provider, prompt, ...short })
    assert.equal(error, undefined)
    assert.notEqual(text, '')
    assert.equal(cases.at(-1), 'finish')
  })
}

/** Checks that texts have vectors, and that equal texts have equal ones. */
export function checkEmbed({ client }: Upstream, provider: string): Promise<void> {
  return check(`${provider}: Embed`, async () => {
    const { value, error } = await embed(client, { provider, inputs: ['one text', 'another', 'one text'] })
    assert.equal(error, undefined)
    const [first, second, third] = value?.embeddings.map(({ values }) => values) ?? []
    assert.ok(first && second && third && first.length > 100)
    assert.ok(similarity(first, third) > 0.99, `equal texts: ${similarity(first, third)}`)
    assert.ok(similarity(first, second) < 0.99, `different texts: ${similarity(first, second)}`)
  })
}

function similarity(a: readonly number[], b: readonly number[]): number {
  const product = (left: readonly number[], right: readonly number[]) =>
    left.reduce((sum, value, at) => sum + value * (right[at] ?? 0), 0)
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b))
}
