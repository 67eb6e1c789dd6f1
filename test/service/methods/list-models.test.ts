import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { ModelFacts } from '../../../src/domain/ports/provider.ts'
import { Capability, ListModelsRequestSchema } from '../../../src/domain/types.ts'
import { createListModels } from '../../../src/service/methods/providers/list-models.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { contextFor, providerNamed } from '../../support/provider-world.ts'

const CHAT_OPERATIONS = ['Chat', 'StreamChat', 'BatchChat', 'Complete', 'StreamComplete']
const all = create(ListModelsRequestSchema)

function unreachable(): Promise<never> {
  return Promise.reject(new GatewayError('UPSTREAM_UNREACHABLE', 'Is the server running?'))
}

test('joins the vendor’s list with what is known of each model', async () => {
  const clock = new FakeClock()
  const price = { bill: () => undefined, list: { input: 0.15, output: 0.6, cachedInput: 0.075 } }
  const openai = providerNamed('openai', {
    defaultModel: 'gpt-4o-mini',
    capabilities: [Capability.CHAT, Capability.TOOLS],
    listModels: async () => ['gpt-4o-mini', 'babbage'],
    describe: (model) => (model === 'gpt-4o-mini' ? { price, contextWindow: 128_000 } : {}),
  })
  const { models } = await createListModels([openai], [], clock)(all, contextFor(clock))
  expect(models).toEqual([
    {
      $typeName: 'llmgateway.v1.Model',
      id: 'openai/babbage',
      provider: 'openai',
      model: 'babbage',
      capabilities: [Capability.CHAT, Capability.TOOLS],
      defaultModel: false,
      operations: CHAT_OPERATIONS,
    },
    {
      $typeName: 'llmgateway.v1.Model',
      id: 'openai/gpt-4o-mini',
      provider: 'openai',
      model: 'gpt-4o-mini',
      contextWindow: 128_000,
      price: { $typeName: 'llmgateway.v1.Price', inputUsd: 0.15, outputUsd: 0.6, cachedInputUsd: 0.075 },
      capabilities: [Capability.CHAT, Capability.TOOLS],
      defaultModel: true,
      operations: CHAT_OPERATIONS,
    },
  ])
})

test('each model is listed with the calls that it takes', async () => {
  const clock = new FakeClock()
  const facts: Record<string, ModelFacts> = {
    'davinci-002': { capabilities: [], completes: true },
    'gpt-4o': {},
    vectors: { capabilities: [Capability.EMBED] },
  }
  const openai = providerNamed('openai', {
    capabilities: [Capability.CHAT, Capability.EMBED],
    listModels: async () => Object.keys(facts),
    describe: (model) => facts[model] ?? {},
  })
  const { models } = await createListModels([openai], [], clock)(all, contextFor(clock))
  expect(models.map(({ model, operations }) => [model, operations])).toEqual([
    ['davinci-002', ['Complete', 'StreamComplete']],
    ['gpt-4o', [...CHAT_OPERATIONS, 'Embed']],
    ['vectors', ['Embed']],
  ])
})

test('a model that is known to do less than its provider is listed so', async () => {
  const clock = new FakeClock()
  const openai = providerNamed('openai', {
    capabilities: [Capability.CHAT, Capability.EMBED, Capability.TOOLS],
    listModels: async () => ['text-embedding-3-small', 'gpt-4o'],
    describe: (model) => (model.startsWith('text-embedding') ? { capabilities: [Capability.EMBED] } : {}),
  })
  const { models } = await createListModels([openai], [], clock)(all, contextFor(clock))
  expect(models.map(({ capabilities }) => capabilities)).toEqual([
    [Capability.CHAT, Capability.EMBED, Capability.TOOLS],
    [Capability.EMBED],
  ])
})

test('a default model is listed that its vendor leaves out, but not one that a local server does not have', async () => {
  const clock = new FakeClock()
  const facts = { defaultModel: 'own', defaultEmbedModel: 'vectors' }
  const providers = [providerNamed('vendor', facts), providerNamed('here', { ...facts, local: true })]
  const { models } = await createListModels(providers, [], clock)(all, contextFor(clock))
  expect(models.map((model) => model.id)).toEqual(['vendor/m1', 'vendor/own', 'vendor/vectors', 'here/m1'])
})

test('a provider without a list is named, with its default model only; the others are whole', async () => {
  const clock = new FakeClock()
  const down = providerNamed('down', {
    defaultModel: 'own',
    listModels: unreachable,
    catalogue: () => ['a', 'b', 'c'],
  })
  const view = createListModels([down, providerNamed('up')], [], clock)
  const answer = await view(all, contextFor(clock))
  expect(answer.models.map((model) => model.id)).toEqual(['down/own', 'up/m1'])
  expect(answer.unavailable).toMatchObject([
    { provider: 'down', reason: 'UPSTREAM_UNREACHABLE', message: 'Is the server running?' },
  ])
})

test('a default model that the vendor does not list is there, once', async () => {
  const clock = new FakeClock()
  const azure = providerNamed('azure', { defaultModel: 'my-deployment', listModels: async () => ['b', 'b', 'a'] })
  const { models } = await createListModels([azure], [], clock)(all, contextFor(clock))
  expect(models.map((model) => model.id)).toEqual(['azure/a', 'azure/b', 'azure/my-deployment'])
})

test('one provider: only its models, and no aliases', async () => {
  const clock = new FakeClock()
  const other = providerNamed('other')
  const view = createListModels([other, providerNamed('asked')], [{ name: 'fast', targets: ['other/m1'] }], clock)
  const context = contextFor(clock)
  const answer = await view(create(ListModelsRequestSchema, { provider: 'asked' }), context)
  expect(answer.models.map((model) => model.id)).toEqual(['asked/m1'])
  expect(answer.aliases).toEqual([])
  expect(other.asked).toBe(0)
  expect(context.cancellation.size).toBe(0)
})

test('all: providers by priority, aliases by name, targets in their order', async () => {
  const clock = new FakeClock()
  const aliases = [
    { name: 'fast', targets: ['z/m1', 'a/m1'] },
    { name: 'default', targets: ['a/m1'] },
  ]
  const view = createListModels([providerNamed('z'), providerNamed('a')], aliases, clock)
  const answer = await view(all, contextFor(clock))
  expect(answer.models.map((model) => model.id)).toEqual(['z/m1', 'a/m1'])
  expect(answer.aliases).toMatchObject([
    { name: 'default', targets: ['a/m1'] },
    { name: 'fast', targets: ['z/m1', 'a/m1'] },
  ])
})

test('an unknown provider is NOT_FOUND, with the name that was meant', async () => {
  const clock = new FakeClock()
  const view = createListModels([providerNamed('openai')], [], clock)
  const error = await view(create(ListModelsRequestSchema, { provider: 'opnai' }), contextFor(clock)).catch((e) => e)
  expect(error).toMatchObject({
    reason: 'PROVIDER_NOT_FOUND',
    code: 'NOT_FOUND',
    message: 'No provider has this name. Did you mean "openai"?',
  })
})

test('an unknown provider that resembles none is told which there are', async () => {
  const clock = new FakeClock()
  const view = createListModels([providerNamed('openai'), providerNamed('groq')], [], clock)
  const error = await view(create(ListModelsRequestSchema, { provider: 'xxxxxxxxx' }), contextFor(clock)).catch(
    (e) => e,
  )
  expect(error.message).toBe('No provider has this name. Configured are: openai, groq.')
})

test('a list holds for five minutes and serves all who ask at once', async () => {
  const clock = new FakeClock()
  const provider = providerNamed('openai')
  const view = createListModels([provider], [], clock)
  await Promise.all([view(all, contextFor(clock)), view(all, contextFor(clock))])
  await clock.advance(299_999)
  await view(all, contextFor(clock))
  expect(provider.asked).toBe(1)
  await clock.advance(1)
  await view(all, contextFor(clock))
  expect(provider.asked).toBe(2)
})

test('a failure holds for 30 seconds', async () => {
  const clock = new FakeClock()
  let isUp = false
  const provider = providerNamed('openai', { listModels: async () => (isUp ? ['m1'] : unreachable()) })
  const view = createListModels([provider], [], clock)
  await view(all, contextFor(clock))
  isUp = true
  await clock.advance(29_999)
  expect((await view(all, contextFor(clock))).unavailable).toHaveLength(1)
  await clock.advance(1)
  expect(await view(all, contextFor(clock))).toMatchObject({ unavailable: [], models: [{ id: 'openai/m1' }] })
})

test('a caller who leaves does not wait for the vendor', async () => {
  const clock = new FakeClock()
  const view = createListModels([providerNamed('slow', { listModels: () => new Promise(() => {}) })], [], clock)
  const context = contextFor(clock)
  const answer = view(all, context)
  context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  await expect(answer).rejects.toMatchObject({ reason: 'CANCELLED' })
  expect(context.cancellation.size).toBe(0)
})
