import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ChatInit, chat } from '../../support/client.ts'
import { type GatewayOptions, type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { answers, failure, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* Where a call goes, by what it names. */

let upstream: UpstreamServer

beforeAll(async () => {
  upstream = await startUpstream(answers('ok'))
})

afterAll(() => upstream.close())

describe('with a file', () => {
  let gateway: RunningGateway
  let client: GrpcClient

  beforeAll(async () => {
    gateway = await startGateway({
      yaml: `
        providers:
          cloud: { kind: openai, base_url: "${upstream.url}/cloud", keys: ["$\{KEY}"], default_model: big }
          house: { kind: local, base_url: "${upstream.url}/house", default_model: ai/small }
          bare: { kind: local, base_url: "${upstream.url}/bare" }
        models:
          default: { targets: [house/ai/small, cloud/big] }
          careful: { targets: [cloud/big, { target: house/ai/small, defaults: { temperature: 0 } }] }
          gpt-4o: { targets: [house/instead] }
        tasks: { verification: careful, planning: cloud/planner }
      `,
      env: { KEY: 'a-key', TEMPERATURE: '0.3', MAX_TOKENS: '77' },
    })
    client = new GrpcClient(gateway.grpc)
  })

  afterAll(async () => {
    client.close()
    await gateway.close()
  })

  /** Which targets a call goes to when all of them fail. */
  async function targetsOf(request: ChatInit): Promise<string[]> {
    upstream.answer(failure(501))
    const before = upstream.hits.length
    await chat(client, request)
    return upstream.hits.slice(before).map(({ path, json }) => `${path.split('/')[1]}/${json['model']}`)
  }

  test.each<[string, ChatInit, string[]]>([
    ['nothing: the alias "default"', {}, ['house/ai/small', 'cloud/big']],
    ['an alias: its targets', { model: 'careful' }, ['cloud/big', 'house/ai/small']],
    ['an alias that is also a model: the alias', { model: 'gpt-4o' }, ['house/instead']],
    ['provider/model', { model: 'house/ai/gemma3-qat' }, ['house/ai/gemma3-qat']],
    ['a bare default model', { model: 'ai/small' }, ['house/ai/small']],
    ['a bare model of the price list', { model: 'gpt-4o-mini' }, ['cloud/gpt-4o-mini']],
    ['a provider without a model: its default model', { provider: 'house' }, ['house/ai/small']],
    ['a provider and a model: no other', { provider: 'house', model: 'careful' }, ['house/careful']],
    ['a task that is an alias', { taskType: 'verification' }, ['cloud/big', 'house/ai/small']],
    ['a task that is a target', { taskType: 'planning' }, ['cloud/planner']],
    ['a model beside a task: the model', { taskType: 'planning', model: 'house/x' }, ['house/x']],
    [
      'models to fall back to: they come after the targets of the alias',
      { model: 'careful', fallbackModels: ['house/last', 'gpt-4o'] },
      ['cloud/big', 'house/ai/small', 'house/last', 'house/instead'],
    ],
    [
      'a provider, and models to fall back to',
      { provider: 'house', fallbackModels: ['cloud/other'] },
      ['house/ai/small', 'cloud/other'],
    ],
    [
      'models to fall back to, and that it wants none',
      { model: 'house/x', fallbackModels: ['cloud/y'], disableFallback: true },
      ['house/x'],
    ],
  ])('a call goes where it names %s', async (_, request, expected) => {
    expect(await targetsOf(request)).toEqual(expected)
  })

  test.each<[string, ChatInit, string, string]>([
    ['an unknown model', { model: 'gpt-4o-mni' }, 'MODEL_NOT_FOUND', '"gpt-4o-mini"'],
    ['an unknown provider before the slash', { model: 'clud/big' }, 'MODEL_NOT_FOUND', '"cloud/big"'],
    ['an unknown provider', { provider: 'hause' }, 'PROVIDER_NOT_FOUND', '"house"'],
    ['an unknown task', { taskType: 'verificaton' }, 'MODEL_NOT_FOUND', '"verification"'],
  ])('a call that names %s is refused, and told what is like it', async (_, request, reason, hint) => {
    upstream.hits.length = 0
    const { error } = await chat(client, request)
    expect(error).toMatchObject({ code: 'NOT_FOUND', reason })
    expect(error?.message).toContain(hint)
    expect(upstream.hits).toEqual([])
  })

  test('a pin without any model is refused, and told what to set', async () => {
    const { error } = await chat(client, { provider: 'bare' })
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['model'] })
    expect(error?.message).toContain('providers.bare.default_model')
  })

  test('a target has its own defaults, then those of the environment; what the call says outranks both', async () => {
    upstream.answer(answers('ok'))
    await chat(client, { model: 'house/ai/small' })
    expect(upstream.hits.at(-1)?.json).toMatchObject({ temperature: 0.3, max_tokens: 77 })
    await chat(client, { model: 'house/ai/small', temperature: 0, maxTokens: 5 })
    expect(upstream.hits.at(-1)?.json).toMatchObject({ temperature: 0, max_tokens: 5 })
    upstream.answer(failure(501), answers('ok'))
    await chat(client, { model: 'careful' })
    expect(upstream.hits.at(-1)?.json).toMatchObject({ model: 'ai/small', temperature: 0, max_tokens: 77 })
  })

  test('options for one vendor do not reach another', async () => {
    upstream.answer(failure(501), answers('ok'))
    const before = upstream.hits.length
    await chat(client, {
      model: 'careful',
      providerOptions: { cloud: { store: true }, local: { repeat_penalty: 1.5 } },
    })
    const [first, second] = upstream.hits.slice(before).map(({ json }) => json)
    expect(first).toMatchObject({ store: true })
    expect(first).not.toHaveProperty('repeat_penalty')
    expect(second).toMatchObject({ repeat_penalty: 1.5 })
    expect(second).not.toHaveProperty('store')
  })
})

describe('with environment variables alone', () => {
  const LOCAL = { LLM_GATEWAY_LOCAL_BASE_URL: '', LLM_GATEWAY_LOCAL_MODEL: 'local-model' }
  const VLLM = { VLLM_BASE_URL: '', VLLM_MODEL: 'vllm-model' }
  const OPENAI = { OPENAI_API_KEY: 'a-key', OPENAI_MODEL: 'openai-model', LLM_GATEWAY_OPENAI_BASE_URL: '' }

  test.each([
    ['LLM_PRIORITY_ORDER', { LLM_PRIORITY_ORDER: 'vllm,openai,local' }, ['vllm', 'openai', 'local']],
    [
      'a primary and its fallbacks',
      { LLM_GATEWAY_PRIMARY_PROVIDER: 'local', LLM_GATEWAY_FALLBACK_PROVIDERS: 'openai,vllm' },
      ['local', 'openai', 'vllm'],
    ],
    [
      'LLM_PROVIDER before the order',
      { LLM_PROVIDER: 'vllm', LLM_PRIORITY_ORDER: 'openai,local' },
      ['vllm', 'openai', 'local'],
    ],
  ])('a call that names nothing follows %s', async (_, order, expected) => {
    const addresses = Object.fromEntries(
      Object.keys({ ...LOCAL, ...VLLM, ...OPENAI })
        .filter((name) => name.endsWith('BASE_URL'))
        .map((name) => [name, `${upstream.url}/v1`]),
    )
    const env: GatewayOptions['env'] = { ...LOCAL, ...VLLM, ...OPENAI, ...addresses, ...order }
    const gateway = await startGateway({ env })
    const client = new GrpcClient(gateway.grpc)
    upstream.answer(failure(501))
    const before = upstream.hits.length
    const { error } = await chat(client, {})
    expect(error?.detail?.attempts.map(({ provider }) => provider)).toEqual(expected)
    expect(upstream.hits.slice(before).map(({ json }) => json['model'])).toEqual(
      expected.map((name) => `${name}-model`),
    )
    client.close()
    await gateway.close()
  })
})
