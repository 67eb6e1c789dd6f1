import { expect, it } from 'vitest'
import type { PriceChange } from '../../src/domain/ports/operations/operator-events.ts'
import { Capability } from '../../src/domain/types.ts'
import { kinds } from '../../src/providers/index.ts'
import { KnownModels } from '../../src/providers/known-models.ts'
import { readPriceFile } from '../../src/providers/prices/price-file.ts'
import { PriceTable } from '../../src/providers/prices/price-table.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { plainSettings } from '../support/plain-wire.ts'

const file = (input: number) =>
  readPriceFile(JSON.stringify({ 'main/m': { input_cost_per_token: input / 1e6, output_cost_per_token: 0 } }))

function known() {
  const prices = new PriceTable({ clock: new FakeClock(), settings: { file: { path: 'p', prices: file(1) } } })
  const changes: PriceChange[] = []
  const models = new KnownModels(plainSettings('main'), prices, { priceChanged: (change) => changes.push(change) })
  return { prices, models, changes }
}

it('keeps the price of an attempt that began before it changed', () => {
  const { prices, models } = known()
  const attempt = models.frozen('m')
  prices.reload(file(2))
  expect(attempt('m').price?.list.input).toBe(1)
  expect(models.frozen('m')('m').price?.list.input).toBe(2)
  expect(models.facts('m').price?.list.input).toBe(2)
})

it('reports the change of a price in use once', () => {
  const { prices, models, changes } = known()
  models.facts('m')
  prices.reload(file(2))
  models.frozen('m')
  expect(changes).toEqual([])
  prices.reload(file(3))
  prices.reload(file(4))
  for (let call = 0; call < 3; call++) models.frozen('m')
  expect(changes).toEqual([
    { provider: 'main', model: 'm', before: { input: 2, output: 0 }, after: { input: 4, output: 0 } },
  ])
  prices.reload(file(4))
  models.frozen('m')
  expect(changes).toHaveLength(1)
})

it('knows the window that the configuration of a kind decides', () => {
  const kind = kinds.find(({ kind }) => kind === 'ollama')
  if (!kind) throw new Error('the kind is gone')
  const prices = new PriceTable({ clock: new FakeClock(), settings: {} })
  const windowWith = (options: Record<string, unknown>) =>
    new KnownModels({ ...plainSettings('ollama'), kind, options }, prices).facts('m').contextWindow
  expect([windowWith({ num_ctx: 8_192 }), windowWith({})]).toEqual([8_192, undefined])
})

it.each([
  ['openai', 'text-embedding-3-small', [Capability.EMBED], false],
  ['openai', 'gpt-3.5-turbo-instruct', [], true],
  ['ollama', 'nomic-embed-text:latest', [Capability.EMBED], false],
  ['mistral', 'codestral-embed', [Capability.EMBED], false],
  ['together', 'BAAI/bge-large-en-v1.5', [Capability.EMBED], false],
  ['gemini', 'gemini-embedding-2', [Capability.EMBED], false],
  ['vllm', 'intfloat/e5-mistral-7b-instruct', [Capability.EMBED], false],
])('knows all that %s/%s can do', (name, model, capabilities, completes) => {
  expect(factsOf(name, model)).toMatchObject({ capabilities, completes })
})

it.each([
  ['openai', 'gpt-4o-mini'],
  ['openai', 'gpt-5-mini'],
  ['azure', 'gpt-4o'],
  ['gemini', 'gemini-2.5-flash'],
])('knows that %s/%s chats and does not embed', (name, model) => {
  const { capabilities } = factsOf(name, model)
  expect(capabilities).toContain(Capability.CHAT)
  expect(capabilities).not.toContain(Capability.EMBED)
})

/** Nothing is known of what other models can do. */
it.each([
  ['ollama', 'llama3.2'],
  ['openai', 'new-model'],
  ['anthropic', 'claude-sonnet-4-6'],
])('takes %s/%s for able to do what its provider can', (name, model) => {
  expect(factsOf(name, model).capabilities).toBeUndefined()
})

function factsOf(name: string, model: string) {
  const kind = kinds.find((each) => each.kind === name)
  if (!kind) throw new Error('the kind is gone')
  const prices = new PriceTable({ clock: new FakeClock(), settings: {} })
  return new KnownModels({ ...plainSettings(name), kind }, prices).facts(model)
}
