import type { MessageInitShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../src/domain/calls/call.ts'
import { type Authenticated, createCall, type Planned } from '../../../src/domain/calls/facts.ts'
import { Cancellation } from '../../../src/domain/cancellation.ts'
import type { Provider } from '../../../src/domain/ports/provider.ts'
import { EventStream } from '../../../src/domain/streams/event-stream.ts'
import { type ChatEvent, ChatRequestSchema, EmbedRequestSchema } from '../../../src/domain/types.ts'
import { plan } from '../../../src/policies/planning/plan.ts'
import { type Directory, Planner } from '../../../src/policies/planning/planner.ts'
import { callerNamed } from '../../support/caller.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { testContext } from '../../support/test-gateway.ts'

function provider(name: string, defaultModel: string | undefined, models: readonly string[] = []): Provider {
  const never = () => Promise.reject(new Error('planning asks nobody'))
  return {
    name,
    kind: name,
    baseUrl: '',
    genAiName: name,
    defaultModel,
    defaultEmbedModel: undefined,
    capabilities: [],
    keyIds: [],
    chat: never,
    complete: never,
    embed: never,
    listModels: never,
    catalogue: () => models,
    describe: () => ({}),
    close: async () => {},
  }
}

const DIRECTORY: Directory = {
  providers: [
    provider('openai', 'gpt-4o-mini', ['gpt-4o', 'text-embedding-3-small']),
    provider('azure', undefined, ['gpt-4o']),
    provider('docker', 'ai/gemma3', ['ai/gemma3-qat']),
    provider('openrouter', 'openai/gpt-4o'),
  ],
  aliases: [
    {
      name: 'fast',
      targets: [{ target: 'openai/gpt-4o-mini', defaults: { temperature: 0 } }, { target: 'docker/ai/smollm3' }],
      attemptTimeout: 5_000,
    },
    { name: 'gpt-4o', targets: [{ target: 'azure/gpt-4o' }] },
  ],
  tasks: { verification: 'fast', planning: 'openai/o3' },
  priority: ['docker', 'azure', 'openai'],
  defaults: { temperature: 0.7, maxTokens: 100 },
}

/** Where a request may go, as `provider/model`. */
async function targetsOf(request: MessageInitShape<typeof ChatRequestSchema>, directory = DIRECTORY) {
  return planned(createCall('chat', create(ChatRequestSchema, request), testContext(new FakeClock())), directory)
}

async function planned(call: Call, directory: Directory) {
  const seen: Planned[] = []
  const last = async (call: Call & Authenticated & Planned) => {
    seen.push(call)
    return new EventStream<ChatEvent>(new Cancellation(), { pause() {}, resume() {}, cancel() {} })
  }
  await plan(new Planner(directory))<Call & Authenticated, ChatEvent>(last)({ ...call, caller: callerNamed('web') })
  return seen[0]?.targets ?? []
}

const addresses = async (...args: Parameters<typeof targetsOf>) =>
  (await targetsOf(...args)).map(({ provider, model }) => `${provider.name}/${model}`)

describe('a call goes to', () => {
  test.each([
    ['the targets of its alias', { model: 'fast' }, ['openai/gpt-4o-mini', 'docker/ai/smollm3']],
    ['the alias rather than the model of that name', { model: 'gpt-4o' }, ['azure/gpt-4o']],
    ['the provider before the first slash', { model: 'docker/ai/gemma3-qat' }, ['docker/ai/gemma3-qat']],
    ['a model that the provider is not known to have', { model: 'openai/brand-new' }, ['openai/brand-new']],
    ['the first provider that has the bare id', { model: 'text-embedding-3-small' }, ['openai/text-embedding-3-small']],
    ['the default model that bears the bare id', { model: 'ai/gemma3' }, ['docker/ai/gemma3']],
    ['a provider rather than a bare id with a slash', { model: 'openai/gpt-4o' }, ['openai/gpt-4o']],
    ['the pinned provider', { provider: 'azure', model: 'gpt-4o' }, ['azure/gpt-4o']],
    ['the pinned provider named twice', { provider: 'azure', model: 'azure/gpt-4o' }, ['azure/gpt-4o']],
    ['the default model of the pinned provider', { provider: 'openai' }, ['openai/gpt-4o-mini']],
    ['the route of its task', { taskType: 'verification' }, ['openai/gpt-4o-mini', 'docker/ai/smollm3']],
    ['the model rather than the route of its task', { taskType: 'verification', model: 'openai/o3' }, ['openai/o3']],
    ['the default models by priority, where it names nothing', {}, ['docker/ai/gemma3', 'openai/gpt-4o-mini']],
    [
      'the same for a usual task without a route',
      { taskType: 'architecture' },
      ['docker/ai/gemma3', 'openai/gpt-4o-mini'],
    ],
    [
      'its fallback models after the targets of the alias',
      { model: 'fast', fallbackModels: ['gpt-4o', 'openai/o3'] },
      ['openai/gpt-4o-mini', 'docker/ai/smollm3', 'azure/gpt-4o', 'openai/o3'],
    ],
    [
      'its fallback models after a pin',
      { provider: 'openai', fallbackModels: ['docker/x'] },
      ['openai/gpt-4o-mini', 'docker/x'],
    ],
    ['each target once', { model: 'fast', fallbackModels: ['fast'] }, ['openai/gpt-4o-mini', 'docker/ai/smollm3']],
    [
      'the first target alone, where it wants no fallback',
      { model: 'fast', disableFallback: true },
      ['openai/gpt-4o-mini'],
    ],
  ])('%s', async (_, request, expected) => {
    expect(await addresses(request)).toEqual(expected)
  })

  test('the alias "default" rather than the priority, where it names nothing', async () => {
    const aliases = [{ name: 'default', targets: [{ target: 'openrouter/x/y' }] }]
    expect(await addresses({}, { ...DIRECTORY, aliases, tasks: {} })).toEqual(['openrouter/x/y'])
  })
})

test('a target has its own defaults before those of all', async () => {
  const [first, second] = await targetsOf({ model: 'fast' })
  expect(first).toMatchObject({ defaults: { temperature: 0, maxTokens: 100 }, attemptTimeout: 5_000 })
  expect(second).toMatchObject({ defaults: { temperature: 0.7, maxTokens: 100 } })
})

test('targets that share the calls stay together where the caller wants no fallback: one is chosen later', async () => {
  const targets = [{ target: 'openai/a', weight: 2 }, { target: 'docker/b' }]
  const directory = { ...DIRECTORY, aliases: [{ name: 'shared', strategy: 'weighted' as const, targets }], tasks: {} }
  const request = { model: 'shared', fallbackModels: ['azure/c'], disableFallback: true }
  expect(await addresses(request, directory)).toEqual(['openai/a', 'docker/b'])
  const [first, second] = await targetsOf(request, directory)
  expect(first).toMatchObject({ weight: 2, choice: { strategy: 'weighted' } })
  expect(second?.choice).toBe(first?.choice)
})

test('vectors come from one model only', async () => {
  const targets = ['openai/gpt-4o', 'docker/ai/smollm3', 'azure/gpt-4o'].map((target) => ({ target }))
  const directory = { ...DIRECTORY, aliases: [{ name: 'vectors', targets }] }
  const call = createCall('embed', create(EmbedRequestSchema, { model: 'vectors' }), testContext(new FakeClock()))
  const found = await planned(call, directory)
  expect(found.map(({ provider, model }) => `${provider.name}/${model}`)).toEqual(['openai/gpt-4o', 'azure/gpt-4o'])
})

describe('a call is refused, with what to do,', () => {
  test.each([
    ['an unknown model', { model: 'gpt-4o-mni' }, 'MODEL_NOT_FOUND', /gpt-4o-mini/],
    ['an unknown provider', { provider: 'opnai' }, 'PROVIDER_NOT_FOUND', /"openai"/],
    ['an unknown task', { taskType: 'verificaton' }, 'MODEL_NOT_FOUND', /"verification"/],
    [
      'an unknown fallback',
      { model: 'fast', fallbackModels: ['nothing-like-it'] },
      'MODEL_NOT_FOUND',
      /nothing-like-it/,
    ],
    ['a pin without a model', { provider: 'azure' }, 'INVALID_REQUEST', /providers\.azure\.default_model/],
  ])('for %s', async (_, request, reason, message) => {
    await expect(targetsOf(request)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) })
  })

  test('when no provider is configured', async () => {
    const empty = { ...DIRECTORY, providers: [], aliases: [] }
    await expect(targetsOf({}, empty)).rejects.toMatchObject({ reason: 'NO_PROVIDERS' })
  })
})

describe('a provider with another name', () => {
  const gemini = { ...provider('gemini', 'flash', ['pro']), alsoKnownAs: ['google'] }
  const directory: Directory = {
    ...DIRECTORY,
    providers: [gemini],
    aliases: [{ name: 'smart', targets: [{ target: 'google/pro' }] }],
    priority: ['gemini'],
  }

  test.each([
    [{ provider: 'google' }, ['gemini/flash']],
    [{ provider: 'google', model: 'google/pro' }, ['gemini/pro']],
    [{ provider: 'gemini', model: 'google/pro' }, ['gemini/pro']],
    [{ model: 'google/other' }, ['gemini/other']],
    [{ model: 'smart' }, ['gemini/pro']],
  ])('is found by it: %j', async (request, targets) => {
    expect(await addresses(request, directory)).toEqual(targets)
  })

  test('leaves it to the provider whose own name it is', async () => {
    const both = { ...directory, providers: [gemini, provider('google', 'mine')] }
    expect(await addresses({ provider: 'google' }, both)).toEqual(['google/mine'])
  })
})
