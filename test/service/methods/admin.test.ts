import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { GatewayError } from '../../../src/domain/errors/error.ts'
import type { Ask } from '../../../src/domain/ports/provider.ts'
import {
  Capability,
  type ChatRequest,
  ListProvidersRequestSchema,
  Role,
  TestProviderRequestSchema,
} from '../../../src/domain/types.ts'
import { contextOf, serviceOver, simulated } from '../../support/service-world.ts'

function testOf(provider: string, model = '') {
  return create(TestProviderRequestSchema, { provider, model })
}

test('ListProviders tells the configuration in priority order, keys as ids', async () => {
  const capabilities = [Capability.CHAT]
  const service = serviceOver(
    simulated('second', { keyIds: ['0a1b2c3d'], capabilities, baseUrl: 'https://vendor.test/v1' }),
    simulated('first', { defaultModel: undefined, capabilities }),
  )
  const answer = await service.listProviders(create(ListProvidersRequestSchema), contextOf('Bearer admin'))
  expect(answer.providers).toMatchObject([
    {
      name: 'second',
      kind: 'simulator',
      baseUrl: 'https://vendor.test/v1',
      defaultModel: 'echo',
      keyIds: ['0a1b2c3d'],
      capabilities,
    },
    { name: 'first', defaultModel: '', keyIds: [] },
  ])
})

test('TestProvider makes one tiny chat, pinned to the provider', async () => {
  const sim = simulated('sim')
  const asks: Ask<ChatRequest>[] = []
  const watched = simulated('watched', {
    chat(ask) {
      asks.push(ask)
      return sim.chat(ask)
    },
  })
  const context = contextOf('Bearer admin')
  const answer = await serviceOver(sim, watched).testProvider(testOf('watched'), context)
  expect(answer).toMatchObject({ ok: true, provider: 'watched', model: 'echo', reason: '', message: '' })
  expect(answer.latency?.nanos).toBeGreaterThan(0)
  expect(asks.map(({ request }) => request)).toMatchObject([
    {
      provider: 'watched',
      messages: [{ role: Role.USER, content: 'Reply with OK.' }],
      maxTokens: 16,
      disableFallback: true,
    },
  ])
})

test('a provider that fails is told in the answer, and no other is asked', async () => {
  const context = contextOf('Bearer admin')
  const answer = await serviceOver(simulated('sim'), simulated('other')).testProvider(
    testOf('sim', 'error-401'),
    context,
  )
  expect(answer).toMatchObject({ ok: false, provider: 'sim', model: 'error-401', reason: 'UPSTREAM_CREDENTIALS' })
  expect(answer.message).not.toBe('')
  expect(context.record.attempts.map(({ provider }) => provider)).toEqual(['sim'])
})

test('an answer that breaks off is a failure', async () => {
  const answer = await serviceOver(simulated('sim')).testProvider(testOf('sim', 'cut'), contextOf('Bearer admin'))
  expect(answer).toMatchObject({ ok: false, model: 'cut', reason: 'UPSTREAM_STREAM_TRUNCATED' })
})

test('a provider that cannot chat is asked for a vector', async () => {
  const chat = () => Promise.reject(new Error('it cannot chat'))
  const vectors = simulated('vectors', { capabilities: [Capability.EMBED], defaultModel: 'embed', chat })
  const answer = await serviceOver(vectors).testProvider(testOf('vectors'), contextOf('Bearer admin'))
  expect(answer).toMatchObject({ ok: true, provider: 'vectors', model: 'embed' })
})

test.each([
  ['', '', 'INVALID_REQUEST', 'provider: is required'],
  ['simm', '', 'PROVIDER_NOT_FOUND', 'No provider has this name. Did you mean "sim"?'],
  ['sim', '../echo', 'INVALID_REQUEST', 'model: must not contain the segments . or ..'],
])('who asks wrongly gets an error: provider %j, model %j', async (provider, model, reason, message) => {
  const answer = serviceOver(simulated('sim')).testProvider(testOf(provider, model), contextOf('Bearer admin'))
  await expect(answer).rejects.toMatchObject({ reason, message })
})

test('who leaves is not told an outcome', async () => {
  const context = contextOf('Bearer admin')
  const answer = serviceOver(simulated('sim')).testProvider(testOf('sim', 'slow'), context)
  await Promise.resolve()
  context.cancellation.cancel(new GatewayError('CANCELLED', 'gone'))
  await expect(answer).rejects.toMatchObject({ reason: 'CANCELLED' })
})
