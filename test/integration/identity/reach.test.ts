import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CacheMode, LlmGateway } from '../../../src/domain/types.ts'
import { type ChatInit, chat, type ServerName, streamChat } from '../../support/client.ts'
import { ConnectClient } from '../../support/connect-client.ts'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { GrpcClient } from '../../support/grpc-client.ts'
import { signedToken } from '../../support/signed-token.ts'
import { answers, startUpstream, type UpstreamServer } from '../../support/upstream-server.ts'

/* What a caller may reach: models, fields of vendors, namespaces of the cache, and names and figures of others. */

const SECRET = 'a secret of at least thirty-two bytes'

let gateway: RunningGateway
let cheap: UpstreamServer
let dear: UpstreamServer
let servers: Record<'gRPC' | 'HTTP', ServerName>

beforeAll(async () => {
  cheap = await startUpstream(answers('cheap'))
  dear = await startUpstream(answers('dear'))
  gateway = await startGateway({
    yaml: `
auth:
  jwt: { secret: "\${JWT_SECRET}" }
  keys:
    - { name: narrow, key: "\${NARROW}", models: [default] }
    - { name: starred, key: "\${STARRED}", models: ["defaul?"] }
    - { name: plain, key: "\${PLAIN}", provider_options: none }
    - { name: fields, key: "\${FIELDS}", provider_options: [cheap, seed_mode] }
    - { name: faq, key: "\${FAQ}", cache_namespaces: [faq, "team-*"] }
    - { name: ops, key: "\${OPS}", admin: true, cache_namespaces: all }
cache: { enabled: true }
providers:
  cheap: { kind: openai-compatible, base_url: "${cheap.url}", default_model: small }
  dear: { kind: openai-compatible, base_url: "${dear.url}", default_model: default }
models:
  default: { targets: [cheap/small] }
  project-falcon: { targets: [dear/secret-model, cheap/small], strategy: weighted }
tasks: { general: default, quarterly: project-falcon }
`,
    env: { JWT_SECRET: SECRET, ...keysOf('narrow', 'starred', 'plain', 'fields', 'faq', 'ops') },
  })
  servers = { gRPC: new GrpcClient(gateway.grpc), HTTP: new ConnectClient(gateway.http) }
})

afterAll(async () => {
  for (const server of Object.values(servers)) server.close()
  await gateway.close()
  await cheap.close()
  await dear.close()
})

beforeEach(() => {
  cheap.hits.length = 0
  dear.hits.length = 0
})

/** Variables that hold the keys of these callers. */
function keysOf(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name.toUpperCase(), `key-of-${name}-0123456789`]))
}

const by = (name: string) => ({ metadata: { authorization: `Bearer key-of-${name}-0123456789` } })
const byToken = async (claims: Record<string, unknown>) => ({
  metadata: { authorization: `Bearer ${await signedToken(SECRET, { sub: 'ann', ...claims })}` },
})
const ask = (more: ChatInit): ChatInit => Object.assign({ cache: { mode: CacheMode.BYPASS } }, more)

describe.each(['gRPC', 'HTTP'] as const)('at the %s server', (name) => {
  describe('a pattern that names an alias', () => {
    test.each<[string, ChatInit]>([
      ['a provider’s model of that name', { model: 'dear/default' }],
      ['it with the provider in a field of its own', { provider: 'dear', model: 'default' }],
      ['it as the default model of its provider', { provider: 'dear' }],
      ['the other alias', { model: 'project-falcon' }],
    ])('does not allow %s', async (_, request) => {
      for (const key of ['narrow', 'starred']) {
        const { error } = await chat(servers[name], ask(request), by(key))
        expect(error).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'MODEL_NOT_ALLOWED' })
        expect((await streamChat(servers[name], ask(request), by(key))).error?.reason).toBe('MODEL_NOT_ALLOWED')
      }
      expect(dear.hits).toEqual([])
    })

    test('leaves out what it does not allow among fallbacks', async () => {
      const { value } = await chat(servers[name], { model: 'default', fallbackModels: ['dear/default'] }, by('narrow'))
      expect(value?.message?.content).toBe('cheap')
    })
  })

  describe('provider_options', () => {
    test.each([
      'Model',
      'models',
      'MODELS',
      'stream_options',
      'streamOptions',
      'max_tokens',
      'MaxTokens',
      'max_completion_tokens',
      'route',
      'meſſages',
      'N',
    ])('refuse %s, which the gateway decides', async (field) => {
      const { error } = await chat(servers[name], ask({ providerOptions: { cheap: { [field]: 'x' } } }), by('ops'))
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [`provider_options["cheap"].${field}`] })
      expect(cheap.hits).toEqual([])
    })

    test.each<[string, string, Record<string, Record<string, string>>, boolean]>([
      ['none', 'plain', { cheap: { mirostat: 'x' } }, false],
      ['a provider that is named', 'fields', { cheap: { mirostat: 'x' } }, true],
      ['a field that is named', 'fields', { dear: { seed_mode: 'x' } }, true],
      ['neither', 'fields', { dear: { seed_mode: 'x', mirostat: 'x' } }, false],
      ['all, by default', 'narrow', { dear: { mirostat: 'x' } }, true],
    ])('a key that may set %s', async (_, key, providerOptions, isAllowed) => {
      const { error } = await chat(servers[name], ask({ providerOptions }), by(key))
      if (isAllowed) expect(error).toBeUndefined()
      else expect(error).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'FIELD_NOT_ALLOWED' })
      expect(cheap.hits).toHaveLength(isAllowed ? 1 : 0)
    })

    test.each([
      ['none', 'FIELD_NOT_ALLOWED'],
      [['other'], 'FIELD_NOT_ALLOWED'],
      [['cheap'], undefined],
      ['all', undefined],
      ['nothing', 'UNAUTHENTICATED'],
      [[1], 'UNAUTHENTICATED'],
    ])('a token with the claim %j', async (claim, reason) => {
      const options = await byToken({ provider_options: claim })
      const { error } = await chat(servers[name], ask({ providerOptions: { cheap: { mirostat: 'x' } } }), options)
      expect(error?.reason).toBe(reason)
    })
  })

  describe('a namespace of the cache', () => {
    test.each([
      ['narrow', 'faq', false],
      ['faq', 'faq', true],
      ['faq', 'team-7', true],
      ['faq', 'other', false],
      ['ops', 'other', true],
    ])('%s uses %s: %s', async (key, namespace, isAllowed) => {
      const { value, error } = await chat(servers[name], { cache: { namespace } }, by(key))
      if (isAllowed) expect(value?.message?.content).toBe('cheap')
      else expect(error).toMatchObject({ code: 'PERMISSION_DENIED', fields: ['cache.namespace'] })
    })

    test.each([
      [undefined, 'FIELD_NOT_ALLOWED'],
      [['faq'], undefined],
      ['none', 'FIELD_NOT_ALLOWED'],
    ])('a token with the claim %j', async (claim, reason) => {
      const options = await byToken({ cache_namespaces: claim })
      const { error } = await chat(servers[name], { cache: { namespace: 'faq' } }, options)
      expect(error?.reason).toBe(reason)
    })
  })

  describe('a caller that is restricted to some models sees nothing of the others', () => {
    const secrets = /falcon|secret-model|dear/

    test.each<[string, ChatInit]>([
      ['a model', { model: 'project-falcom' }],
      ['a model of a provider', { model: 'dear/secret-mode' }],
      ['a provider', { provider: 'dea' }],
      ['a task type', { taskType: 'quarterl' }],
    ])('when it misspells %s', async (_, request) => {
      const restricted = await chat(servers[name], ask(request), by('narrow'))
      expect(restricted.error?.message).not.toMatch(/Did you mean.*(?:falcon|secret-model|dear|quarterly)/)
      const free = await chat(servers[name], ask(request), by('ops'))
      if (!request.model?.includes('/')) expect(free.error?.message).toContain('Did you mean')
    })

    test.each<[string, ChatInit]>([
      ['a task type', { taskType: 'quarterly' }],
      ['a provider', { provider: 'dear' }],
    ])('when what it names by %s stands for something else', async (_, request) => {
      const { error } = await chat(servers[name], ask(request), by('narrow'))
      expect(error?.reason).toBe('MODEL_NOT_ALLOWED')
      expect(error?.message).not.toMatch(/falcon|secret-model|dear\/default/)
    })

    test('in Stats, WatchStats, Health and ListModels', async () => {
      await chat(servers[name], ask({ model: 'project-falcon' }), by('ops'))
      await chat(servers[name], ask({ model: 'dear/secret-model' }), by('ops'))
      const stop = new AbortController()
      const method = LlmGateway.method
      const watching = { ...by('narrow'), signal: stop.signal, onMessage: () => stop.abort() }
      const seen = [
        (await servers[name].unary(method.stats, {}, by('narrow'))).value,
        (await servers[name].stream(method.watchStats, {}, watching)).messages,
        (await servers[name].unary(method.health, {}, by('narrow'))).value,
        (await servers[name].unary(method.listModels, {}, by('narrow'))).value,
      ]
      const text = (value: unknown) =>
        JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner))
      for (const part of seen) {
        expect(text(part)).not.toMatch(secrets)
        expect(text(part)).toMatch(/cheap|default/)
      }
      const all = (await servers[name].unary(method.stats, {}, by('ops'))).value
      expect(text(all)).toMatch(/secret-model/)
    })

    test('a provider that it may not use is unknown to ListModels', async () => {
      const { error } = await servers[name].unary(LlmGateway.method.listModels, { provider: 'dear' }, by('narrow'))
      expect(error?.reason).toBe('PROVIDER_NOT_FOUND')
      expect(error?.message).not.toContain('dear')
    })

    test('without a credential Health says the overall status only', async () => {
      const { value } = await servers[name].unary(LlmGateway.method.health, {})
      expect(value).toMatchObject({ providers: [], components: [] })
    })
  })
})
